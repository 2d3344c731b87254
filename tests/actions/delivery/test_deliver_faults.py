"""Rival workers, tasks that come twice, answers that are lost: what must hold all the same."""

import asyncio
from datetime import timedelta

import pytest

from tests.actions.faults import FaultyStore, lost_answer, no_answer, nth
from tests.actions.harness import (
    POSTPONED,
    START,
    a_request,
    address,
    addresses,
    chunk_job,
    message_id,
    perform,
    send_order,
    statuses,
)
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.delivery.deliver import deliver
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.model.tasks import Task

COUNT = 8


LEASE = 15.0


class TestAnotherWorker:
    async def test_who_finds_a_live_lease_comes_again_at_its_end_and_sends_nothing(self, harness):
        other = harness.worker("two")

        async def meanwhile(claim_batch):
            before = len(harness.queue.made)
            await deliver(other, job)
            (task,) = harness.queue.made[before:]
            again.append(task)

        again: list[Task] = []
        harness.relays.before = meanwhile
        batch = await harness.submit(3)
        job = chunk_job(batch, 3)
        await harness.queue.run(harness.services, until=timedelta(seconds=1))
        (task,) = again
        assert task.at is not None
        assert timedelta(seconds=LEASE - 5) < task.at - START <= timedelta(seconds=LEASE + 1)
        assert harness.relays.times_handed == dict.fromkeys(addresses(0, 1, 2), 1)

    async def test_an_expired_lease_leaves_its_claim_batch_uncertain_and_the_rest_is_sent(self, harness):
        batch = await abandoned(harness, on_uncertain="hold")
        harness.clock.advance(LEASE + 1)
        await harness.queue.run(harness.worker("two"))
        progress = await harness.progress(batch)
        assert statuses(progress) == ["uncertain"] * 3 + ["sent"] * 5
        assert "worker ended" in progress.details[0].notes[0].text
        assert set(harness.relays.times_handed.values()) == {1}
        assert (await harness.batch(batch)).status == "done"

    async def test_where_the_sender_wants_it_the_claim_batch_is_sent_again_as_the_same_messages(
        self, harness
    ):
        batch = await abandoned(harness, on_uncertain="resend")
        harness.clock.advance(LEASE + 1)
        await harness.queue.run(harness.worker("two"))
        assert statuses(await harness.progress(batch)) == ["sent"] * 8
        assert harness.relays.times_handed[address(0)] == 2
        first, second = (one for one in harness.relays.handed if one.envelope.rcpt_to == address(0))
        assert message_id(first) == message_id(second)

    async def test_a_single_send_is_sent_again_with_the_same_message_id(self, harness):
        async def vanish(message):
            harness.relays.handed.append(message)
            raise asyncio.CancelledError

        accepted = await send_message(harness.services, send_order(), a_request())
        harness.relays.each = vanish
        with pytest.raises(asyncio.CancelledError):
            await harness.queue.run(harness.services)
        harness.relays.each = None
        await harness.queue.run(harness.worker("two"))
        first, second = harness.relays.handed
        assert message_id(first) == message_id(second)
        progress = (await harness.message(accepted.id)).progress
        assert progress.results == Status.SENT.mark

    @pytest.mark.parametrize("claim_batch", [1, 2, 3])
    async def test_who_lost_the_lease_settles_what_is_uncertain(self, harness, claim_batch):
        other = harness.worker("two")

        async def outlive_the_lease(messages):
            if len(harness.relays.claim_batches) == claim_batch:
                harness.clock.advance(LEASE + 1)
                await deliver(other, chunk_job(batch, COUNT))

        harness.relays.before = outlive_the_lease
        batch = await harness.submit_list(await harness.list_of(2 * COUNT, pages=2))
        await harness.queue.run(harness.services)
        for chunk in range(2):
            assert statuses(await harness.progress(batch, chunk)) == ["sent"] * COUNT
        assert harness.relays.times_handed == dict.fromkeys(addresses(*range(2 * COUNT)), 1)
        assert (await harness.batch(batch)).status == "done"

    async def test_two_workers_at_two_stretches_of_a_chunk_lose_neither(self, harness):
        batch = await harness.submit(COUNT)
        await released(harness, batch)
        other = harness.worker("two")
        await harness.queue.enqueue(*stretches(batch))
        one, two = harness.queue.waiting
        results = await asyncio.gather(
            perform(harness.services, one), perform(other, two), return_exceptions=True
        )
        for task, result in zip((one, two), results, strict=True):
            if result is None:
                harness.queue.waiting.remove(task)
        await harness.queue.run(other)
        assert statuses(await harness.progress(batch)) == ["sent"] * COUNT
        assert set(harness.relays.times_handed.values()) == {1}

    async def test_one_worker_at_two_stretches_of_a_chunk_loses_neither(self, harness):
        batch = await harness.submit(COUNT)
        await released(harness, batch)
        await asyncio.gather(*(perform(harness.services, task) for task in stretches(batch)))
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["sent"] * COUNT
        assert set(harness.relays.times_handed.values()) == {1}

    async def test_a_resume_while_the_paused_claim_batch_is_still_out_loses_nobody(self, harness):
        async def pause_and_resume(claim_batch):
            harness.relays.before = None
            await pause_batch(harness.services, batch)
            await resume_batch(harness.services, batch)
            _, release = harness.queue.waiting
            await perform(harness.services, release)
            _, _, task = harness.queue.waiting
            beside.append(asyncio.create_task(perform(harness.services, task)))
            harness.queue.waiting[1:] = []

        beside: list[asyncio.Task[None]] = []
        harness.relays.before = pause_and_resume
        batch = await harness.submit(COUNT)
        await harness.queue.run(harness.services)
        await asyncio.gather(*beside)
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["sent"] * COUNT
        assert set(harness.relays.times_handed.values()) == {1}
        assert (await harness.batch(batch)).status == "done"


def stretches(batch):
    jobs = (chunk_job(batch, 4), chunk_job(batch, COUNT, first=4))
    return [Task("deliver", job.as_body(), f"stretch-{job.first}") for job in jobs]


async def released(harness, batch):
    """As after `release`, with the tasks left to the test."""
    (task,) = harness.queue.waiting
    await perform(harness.services, task)
    harness.queue.waiting.clear()


async def abandoned(harness, **fields):
    """A batch whose worker vanished in its first claim batch, after the relay had it."""

    async def vanish(message):
        if message.envelope.rcpt_to == address(2):
            harness.relays.handed.append(message)
            raise asyncio.CancelledError

    batch = await harness.submit(8, **fields)
    harness.relays.each = vanish
    with pytest.raises(asyncio.CancelledError):
        await harness.queue.run(harness.services)
    harness.relays.each = None
    return batch


class TestTasksThatComeTwice:
    async def test_one_after_the_other(self, harness):
        harness.relays.say(address(1), POSTPONED, POSTPONED)
        batch = await harness.submit(COUNT)
        await harness.queue.run(harness.services, times=2)
        await self.all_is_well(harness, batch)

    async def test_at_two_workers_in_turn(self, harness):
        batch = await harness.submit(COUNT)
        other = harness.worker("two")
        while harness.queue.waiting:
            task = harness.queue.waiting.pop(0)
            await perform(harness.services, task)
            await perform(other, task)
        await self.all_is_well(harness, batch)

    @pytest.mark.parametrize("pages", [1, 3])
    async def test_at_two_workers_side_by_side(self, harness, pages):
        batch = await harness.submit_list(await harness.list_of(12, pages))
        await harness.queue.run(harness.services, harness.worker("two"))
        assert harness.relays.times_handed == dict.fromkeys(addresses(*range(12)), 1)
        assert (await harness.batch(batch)).status == "done"

    async def test_at_a_worker_that_vanishes_before_it_is_done(self, harness):
        """An answer to the second would be the task's: the queue would forget it while its claim batch is in the air."""
        batch = await harness.submit(COUNT)
        await released(harness, batch)
        job = chunk_job(batch, COUNT)
        met, vanish = asyncio.Event(), asyncio.Event()

        async def until_it_vanishes(message):
            met.set()
            await vanish.wait()
            raise asyncio.CancelledError

        harness.relays.each = until_it_vanishes
        first = asyncio.create_task(deliver(harness.services, job))
        await met.wait()
        second = asyncio.create_task(deliver(harness.services, job))
        done, _ = await asyncio.wait([second], timeout=0.2)
        assert not done and not harness.queue.waiting
        harness.relays.each = None
        vanish.set()
        await asyncio.wait([first, second])
        assert first.cancelled() and not second.cancelled()
        assert (await harness.batch(batch)).status == "done"

    async def test_a_message_at_two_workers_side_by_side(self, harness):
        accepted = await send_message(harness.services, send_order(*addresses(*range(5))), a_request())
        await harness.queue.run(harness.services, harness.worker("two"), harness.worker("three"))
        assert set(harness.relays.times_handed.values()) == {1}
        assert (await harness.message(accepted.id)).progress.results == "sssss"

    async def test_long_after_everything_is_over(self, harness):
        harness.relays.say(address(1), POSTPONED, POSTPONED)
        batch = await harness.submit(COUNT)
        await harness.queue.run(harness.services)
        handed = len(harness.relays.handed)
        for task in list(harness.queue.made):
            await perform(harness.worker("late"), task)
        assert len(harness.relays.handed) == handed
        assert not harness.queue.waiting
        assert (await harness.batch(batch)).status == "done"

    async def all_is_well(self, harness, batch):
        progress = await harness.progress(batch)
        assert progress.is_finished
        postponed = {address(1): harness.relays.times_handed[address(1)]}
        expected = dict.fromkeys(addresses(*range(COUNT)), 1) | postponed
        assert harness.relays.times_handed == expected
        assert (await harness.batch(batch)).status == "done"


class TestLostAnswers:
    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    async def test_a_write_whose_answer_was_lost_is_known_as_ones_own(self, harness, number):
        faulty = FaultyStore(harness.store, nth(number, "/progress/", lost_answer()), written=True)
        batch = await harness.submit(COUNT)
        await harness.queue.run(harness.worker("w", store=faulty))
        assert statuses(await harness.progress(batch)) == ["sent"] * COUNT
        assert set(harness.relays.times_handed.values()) == {1}

    async def test_the_same_for_a_message(self, harness):
        for number in (1, 2):
            faulty = FaultyStore(harness.store, nth(number, "messages/", lost_answer()), written=True)
            accepted = await send_message(harness.services, send_order(), a_request())
            await harness.queue.run(harness.worker("w", store=faulty))
            assert (await harness.message(accepted.id)).progress.results == "s"
        assert harness.relays.times_handed[address(0)] == 2

    @pytest.mark.parametrize("written", [True, False])
    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    async def test_a_store_that_fails_once_makes_nothing_uncertain(self, harness, number, written):
        faulty = FaultyStore(harness.store, nth(number, "/progress/", no_answer()), written)
        batch = await harness.submit(COUNT)
        await harness.queue.run(harness.worker("w", store=faulty))
        assert statuses(await harness.progress(batch)) == ["sent"] * COUNT
        assert set(harness.relays.times_handed.values()) == {1}


async def test_a_batch_cancelled_while_its_worker_is_gone_leaves_nobody_sending(harness):
    batch = await abandoned(harness, on_uncertain="resend")
    await cancel_batch(harness.services, batch)
    await harness.queue.run(harness.worker("two"))
    found = statuses(await harness.progress(batch))
    assert found[:3] == ["uncertain"] * 3
    assert set(found[3:]) <= {"queued", "cancelled"}
