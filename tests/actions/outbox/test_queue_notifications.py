from datetime import timedelta

import pytest

from tests.actions.harness import DOMAIN, Harness
from tests.actions.webhook_harness import Office, notification_events, told
from warmpost.actions.outbox.notifications import queue_notifications, requeue_notifications
from warmpost.adapters.webhooks import WebhookClient
from warmpost.errors import Moved
from warmpost.rules.model.writes import Update

NOWHERE = "http://127.0.0.1:9/hook"


@pytest.fixture
async def office(store):
    return Office(await Harness(store).open(), WebhookClient(private=True))


async def test_nothing_is_written_where_nobody_listens(office):
    queued = await queue_notifications(office.services, notification_events(3))
    assert not queued.writes
    assert not queued.tasks


async def test_ten_thousand_events_are_packed_into_few_documents(office):
    id, _ = await office.webhook(NOWHERE)
    queued = await queue_notifications(office.services, notification_events(10_000))
    assert len(queued.writes) == len(queued.tasks) == 20
    assert told(queued) == {id: 10_000}
    await office.store.commit(*queued.writes)


async def test_the_same_events_make_the_same_documents_and_tasks_that_no_earlier_try_has_used_up(office):
    await office.webhook(NOWHERE)
    first = await office.log_event(*notification_events(3))
    office.clock.advance(60)
    again = await queue_notifications(office.services, notification_events(3))
    assert [one.path for one in again.writes] == [one.path for one in first.writes]
    assert [one.body for one in again.tasks] == [one.body for one in first.tasks]
    assert not {one.name for one in again.tasks} & {one.name for one in first.tasks}
    with pytest.raises(Moved):
        await office.store.commit(*again.writes)


async def test_other_events_make_other_documents(office):
    await office.webhook(NOWHERE)
    paths = {
        (await queue_notifications(office.services, events)).writes[0].path
        for events in (
            notification_events(3),
            notification_events(2),
            notification_events(3, "opened"),
            notification_events(3, batch="8"),
        )
    }
    assert len(paths) == 4


async def test_a_webhook_gets_only_the_kinds_it_wants(office):
    id, _ = await office.webhook(NOWHERE, events=("bounced", "complained"))
    queued = await queue_notifications(
        office.services,
        [*notification_events(2), *notification_events(1, "bounced"), *notification_events(1, "clicked")],
    )
    assert told(queued) == {id: 1}


async def test_the_webhook_of_a_sender_address_wins_over_that_of_the_account(office):
    await office.with_address()
    account, _ = await office.webhook(NOWHERE)
    address, _ = await office.webhook(NOWHERE, sender=f"news@{DOMAIN}")
    queued = await queue_notifications(
        office.services, [*notification_events(2), *notification_events(1, sender=f"other@{DOMAIN}")]
    )
    assert told(queued) == {address: 2, account: 1}


async def test_several_webhooks_of_the_account_get_everything_each(office):
    ids = {(await office.webhook(NOWHERE))[0] for _ in range(3)}
    queued = await queue_notifications(office.services, notification_events(5))
    assert told(queued) == dict.fromkeys(ids, 5)


async def test_what_a_given_up_webhook_misses_is_parked_for_it(office):
    id, _ = await office.webhook(NOWHERE)
    given_up = {"disabled_at": office.clock.now(), "disabled_reason": "it was down"}
    await office.store.commit(Update(f"webhooks/{id}", given_up))
    queued = await office.log_event(*notification_events(2))
    (kept,) = await office.notifications()
    assert (kept.value.state, kept.value.error, queued.tasks) == ("parked", "it was down", [])


async def test_webhooks_are_read_once_for_many_ingests(office):
    await office.webhook(NOWHERE)
    await queue_notifications(office.services, notification_events(1))
    await office.webhook(NOWHERE)
    known = await queue_notifications(office.services, notification_events(1))
    office.clock.advance(6)
    later = await queue_notifications(office.services, notification_events(1))
    assert (len(known.writes), len(later.writes)) == (1, 2)


async def test_tasks_that_were_lost_are_made_anew_and_those_still_coming_left_alone(office):
    await office.webhook(NOWHERE)
    await office.log_event(*notification_events(1))
    (lost,) = await office.notifications()
    office.clock.advance(timedelta(hours=2).total_seconds())
    await office.log_event(*notification_events(1, "opened"))
    office.queue.waiting.clear()
    assert await requeue_notifications(office.services, "", "run") == ""
    assert [task.body["notification"] for task in office.queue.waiting] == [lost.id]
