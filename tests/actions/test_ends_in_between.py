"""Workers that end between a write and the task that follows from it: whoever comes next asks for that task.

A queue takes a name once and keeps it used for hours, so a follow-up must never bear the name of one that has come
and gone.
"""

import asyncio
from datetime import timedelta

import pytest

from tests.actions.faults import EndsBefore, FaultyStore, no_answer, nth
from tests.actions.harness import (
    ACCEPTED,
    POSTPONED,
    REFUSED,
    a_request,
    address,
    addresses,
    chunk_job,
    perform,
    send_order,
    statuses,
)
from tests.actions.report_builders import of_batch, report
from tests.actions.webhook_harness import Office, notification_events
from warmpost.actions.batches import plan_batch as planning
from warmpost.actions.batches import submit_batch as submitting
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.delivery.deliver import deliver
from warmpost.actions.events.ingest_events import ingest_events
from warmpost.actions.operations.daily import sweep
from warmpost.actions.outbox.event_log import log_events
from warmpost.actions.webhooks.post_notifications import notify
from warmpost.adapters.webhooks import WebhookClient
from warmpost.errors import Conflict, Unavailable

NOWHERE = "http://127.0.0.1:9/hook"
DAY = 86_400


def ending_before(harness, *verbs):
    return harness.worker("ended", tasks=EndsBefore(harness.queue, *verbs))


async def test_end_between_planning_the_last_page_and_asking_for_its_release(harness, monkeypatch):
    for module in (planning, submitting):
        monkeypatch.setattr(module, "PAGES_PER_STEP", 2)
    batch = await harness.submit_list(await harness.list_of(6, 3))
    (plan,) = harness.queue.waiting
    with pytest.raises(asyncio.CancelledError):
        await perform(ending_before(harness, "release"), plan)
    with pytest.raises(asyncio.CancelledError):
        await perform(ending_before(harness, "release"), plan)
    assert (await harness.batch(batch)).status == "sending"
    await harness.queue.run(harness.worker("two"))
    assert (await harness.batch(batch)).status == "done"
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(6)), 1)


@pytest.mark.parametrize("verb", ["assess", "ingest"])
async def test_end_between_recording_a_chunk_and_asking_for_a_look_at_it(harness, verb):
    batch = await harness.submit(3)
    await perform(harness.services, harness.queue.waiting.pop())
    harness.relays.say(address(1), REFUSED)
    ended = ending_before(harness, verb)
    with pytest.raises(asyncio.CancelledError):
        await deliver(ended, chunk_job(batch, 3))
    assert statuses(await harness.progress(batch)) == ["sent", "bounced", "sent"]
    harness.queue.waiting.clear()
    harness.clock.advance(
        60
    )  # longer than the lease, which is still held where the end came before its close
    await deliver(harness.worker("two"), chunk_job(batch, 3))
    assert verb in [task.verb for task in harness.queue.waiting]


async def test_end_between_applying_events_and_asking_for_a_look_at_the_domain(harness):
    batch = await harness.submit(3)
    await harness.queue.run(harness.services)
    harness.clock.advance(60)
    await log_events(harness.services, "kumomta", [report("bounced", of_batch(batch, 1))])
    harness.clock.advance(5)
    harness.queue.waiting.clear()

    asked = []

    class EndsAfterTheCommit(FaultyStore):
        async def commit(self, *writes):
            await self._store.commit(*writes)
            asked.extend(task.verb for task in harness.queue.waiting)
            raise asyncio.CancelledError

    store = EndsAfterTheCommit(harness.store, lambda *writes: None, written=True)
    with pytest.raises(asyncio.CancelledError):
        await ingest_events(harness.worker("ended", store))
    assert "assess" in asked


async def test_key_used_again_after_its_task_found_nothing_brings_a_task_of_its_own(harness):
    broken = FaultyStore(harness.store, nth(1, "messages/", no_answer()), written=False)
    with pytest.raises(Unavailable):
        await send_message(harness.worker("one", broken), send_order(), a_request("key"))
    await harness.queue.run(harness.services)
    harness.clock.advance(60)
    accepted = await send_message(harness.services, send_order(), a_request("key"))
    await harness.queue.run(harness.services)
    assert harness.relays.times_handed.total() == 1
    assert (await harness.message(accepted.id)).progress.finished


async def test_sweep_that_comes_twice_leaves_tasks_of_the_generation_that_holds(harness):
    batch = await harness.submit(3)
    harness.queue.waiting.clear()
    harness.clock.advance(DAY)
    await sweep(harness.services, "batches", "", "run")
    for task in list(harness.queue.waiting):  # the tasks of the first come before the second is done
        await perform(harness.services, task)
        harness.queue.waiting.remove(task)
    await sweep(harness.services, "batches", "", "run")
    await harness.queue.run(harness.services)
    assert statuses(await harness.progress(batch)) == ["sent"] * 3
    assert (await harness.batch(batch)).status == "done"


async def test_events_are_never_kept_without_a_fold_to_come(harness):
    broken = FaultyStore(harness.store, nth(1, "events/", no_answer()), written=True)
    with pytest.raises(Unavailable):
        await log_events(harness.worker("one", broken), "track", [report("delivered", of_batch("1", 1))])
    assert [task.verb for task in harness.queue.waiting] == ["ingest"]


class TestNotify:
    async def test_attempt_whose_predecessor_is_not_recorded_yet_comes_again(self, harness):
        office = Office(harness, WebhookClient(True))
        await office.webhook(NOWHERE)
        await office.log_event(*notification_events(1))
        (stored,) = await office.notifications()
        with pytest.raises(Conflict):
            await notify(office.services, stored.id, stored.value.attempt + 1)

    async def test_attempt_made_anew_has_a_follow_up_of_its_own(self, harness):
        office = Office(harness, WebhookClient(True))
        await office.webhook(NOWHERE)
        await office.log_event(*notification_events(1))
        (stored,) = await office.notifications()
        ended = FaultyStore(harness.store, nth(2, "notifications/", no_answer()), written=False)
        worker = Office(harness, office.client).worker("one")
        object.__setattr__(worker, "store", ended)
        with pytest.raises(Unavailable):
            await notify(worker, stored.id, stored.value.attempt)
        before = {task.name for task in harness.queue.of("notify")}
        harness.clock.advance(200)
        await notify(office.services, stored.id, stored.value.attempt)
        assert {task.name for task in harness.queue.of("notify")} - before


async def test_deferred_who_were_due_while_no_relay_was_to_be_had_get_another_time(harness):
    harness.relays.say(address(1), POSTPONED, ACCEPTED)
    batch = await harness.submit(3)
    await harness.queue.run(harness.services, until=timedelta(seconds=5))
    (retry,) = [task for task in harness.queue.waiting if task.verb == "deliver"]
    harness.clock.move_to(retry.at)
    closing = harness.worker("closing")
    closing.worker_slots.close()
    await perform(closing, retry)
    harness.queue.waiting.remove(retry)
    await harness.queue.run(harness.services)
    assert statuses(await harness.progress(batch)) == ["sent"] * 3
    assert (await harness.batch(batch)).status == "done"
