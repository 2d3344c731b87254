"""Workers that end between a write and the task that follows from it: whoever comes next asks for that task.

A queue takes a name once and keeps it used for hours, so a follow-up must never bear the name of one that has come
and gone.
"""

import asyncio
from datetime import timedelta

import pytest

from tests.actions.faults import EndsBefore, FaultyStore, no_answer, nth
from tests.actions.notifying import Office, occurrences
from tests.actions.reporting import of_batch, report
from tests.actions.workshop import (
    ACCEPTED,
    POSTPONED,
    REFUSED,
    a_request,
    address,
    addresses,
    chunk_errand,
    perform,
    send_order,
    statuses,
)
from warmpost.actions.batches import plan_batch as planning
from warmpost.actions.batches import submit_batch as submitting
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.delivery.deliver import deliver
from warmpost.actions.events.ingest_events import fold_events
from warmpost.actions.operations.daily import sweep
from warmpost.actions.outbox.event_log import log_events
from warmpost.actions.webhooks.post_notifications import notify
from warmpost.adapters.webhooks import WebhookClient
from warmpost.errors import Conflict, Unavailable

NOWHERE = "http://127.0.0.1:9/hook"
DAY = 86_400


def ending_before(workshop, *verbs):
    return workshop.worker("ended", tasks=EndsBefore(workshop.queue, *verbs))


async def test_end_between_planning_the_last_page_and_asking_for_its_release(workshop, monkeypatch):
    for module in (planning, submitting):
        monkeypatch.setattr(module, "PAGES_PER_STEP", 2)
    batch = await workshop.submit_list(await workshop.list_of(6, 3))
    (plan,) = workshop.queue.waiting
    with pytest.raises(asyncio.CancelledError):
        await perform(ending_before(workshop, "release"), plan)
    with pytest.raises(asyncio.CancelledError):
        await perform(ending_before(workshop, "release"), plan)
    assert (await workshop.batch(batch)).status == "sending"
    await workshop.queue.run(workshop.worker("two"))
    assert (await workshop.batch(batch)).status == "done"
    assert workshop.relays.times_handed == dict.fromkeys(addresses(*range(6)), 1)


@pytest.mark.parametrize("verb", ["assess", "fold"])
async def test_end_between_recording_a_chunk_and_asking_for_a_look_at_it(workshop, verb):
    batch = await workshop.submit(3)
    await perform(workshop.services, workshop.queue.waiting.pop())
    workshop.relays.say(address(1), REFUSED)
    ended = ending_before(workshop, verb)
    with pytest.raises(asyncio.CancelledError):
        await deliver(ended, chunk_errand(batch, 3))
    assert statuses(await workshop.progress(batch)) == ["sent", "bounced", "sent"]
    workshop.queue.waiting.clear()
    workshop.clock.advance(5)
    await deliver(workshop.worker("two"), chunk_errand(batch, 3))
    assert verb in [task.verb for task in workshop.queue.waiting]


async def test_end_between_applying_events_and_asking_for_a_look_at_the_domain(workshop):
    batch = await workshop.submit(3)
    await workshop.queue.run(workshop.services)
    workshop.clock.advance(60)
    await log_events(workshop.services, "kumomta", [report("bounced", of_batch(batch, 1))])
    workshop.clock.advance(5)
    workshop.queue.waiting.clear()

    asked = []

    class EndsAfterTheCommit(FaultyStore):
        async def commit(self, *writes):
            await self._store.commit(*writes)
            asked.extend(task.verb for task in workshop.queue.waiting)
            raise asyncio.CancelledError

    store = EndsAfterTheCommit(workshop.store, lambda *writes: None, written=True)
    with pytest.raises(asyncio.CancelledError):
        await fold_events(workshop.worker("ended", store))
    assert "assess" in asked


async def test_key_used_again_after_its_task_found_nothing_brings_a_task_of_its_own(workshop):
    broken = FaultyStore(workshop.store, nth(1, "messages/", no_answer()), written=False)
    with pytest.raises(Unavailable):
        await send_message(workshop.worker("one", broken), send_order(), a_request("key"))
    await workshop.queue.run(workshop.services)
    workshop.clock.advance(60)
    accepted = await send_message(workshop.services, send_order(), a_request("key"))
    await workshop.queue.run(workshop.services)
    assert workshop.relays.times_handed.total() == 1
    assert (await workshop.message(accepted.id)).progress.finished


async def test_sweep_that_comes_twice_leaves_tasks_of_the_generation_that_holds(workshop):
    batch = await workshop.submit(3)
    workshop.queue.waiting.clear()
    workshop.clock.advance(DAY)
    await sweep(workshop.services, "batches", "", "run")
    for task in list(workshop.queue.waiting):  # the tasks of the first come before the second is done
        await perform(workshop.services, task)
        workshop.queue.waiting.remove(task)
    await sweep(workshop.services, "batches", "", "run")
    await workshop.queue.run(workshop.services)
    assert statuses(await workshop.progress(batch)) == ["sent"] * 3
    assert (await workshop.batch(batch)).status == "done"


async def test_events_are_never_kept_without_a_fold_to_come(workshop):
    broken = FaultyStore(workshop.store, nth(1, "events/", no_answer()), written=True)
    with pytest.raises(Unavailable):
        await log_events(workshop.worker("one", broken), "track", [report("delivered", of_batch("1", 1))])
    assert [task.verb for task in workshop.queue.waiting] == ["fold"]


class TestNotify:
    async def test_attempt_whose_predecessor_is_not_recorded_yet_comes_again(self, workshop):
        office = Office(workshop, WebhookClient(True))
        await office.webhook(NOWHERE)
        await office.tell(*occurrences(1))
        (stored,) = await office.notifications()
        with pytest.raises(Conflict):
            await notify(office.services, stored.id, stored.value.attempt + 1)

    async def test_attempt_made_anew_has_a_follow_up_of_its_own(self, workshop):
        office = Office(workshop, WebhookClient(True))
        await office.webhook(NOWHERE)
        await office.tell(*occurrences(1))
        (stored,) = await office.notifications()
        ended = FaultyStore(workshop.store, nth(2, "notifications/", no_answer()), written=False)
        worker = Office(workshop, office.client).worker("one")
        object.__setattr__(worker, "store", ended)
        with pytest.raises(Unavailable):
            await notify(worker, stored.id, stored.value.attempt)
        before = {task.name for task in workshop.queue.of("notify")}
        workshop.clock.advance(200)
        await notify(office.services, stored.id, stored.value.attempt)
        assert {task.name for task in workshop.queue.of("notify")} - before


async def test_deferred_who_were_due_while_no_relay_was_to_be_had_get_another_time(workshop):
    workshop.relays.say(address(1), POSTPONED, ACCEPTED)
    batch = await workshop.submit(3)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=5))
    (retry,) = [task for task in workshop.queue.waiting if task.verb == "deliver"]
    workshop.clock.move_to(retry.at)
    closing = workshop.worker("closing")
    closing.desk.close()
    await perform(closing, retry)
    workshop.queue.waiting.remove(retry)
    await workshop.queue.run(workshop.services)
    assert statuses(await workshop.progress(batch)) == ["sent"] * 3
    assert (await workshop.batch(batch)).status == "done"
