"""Rival workers, tasks that come twice, answers that are lost: what must hold all the same."""

import asyncio
from datetime import timedelta

import pytest

from tests.actions.faults import FaultyStore, lost_answer, no_answer, nth
from tests.actions.workshop import (
    POSTPONED,
    START,
    a_request,
    address,
    addresses,
    chunk_errand,
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
    async def test_who_finds_a_live_lease_comes_again_at_its_end_and_sends_nothing(self, workshop):
        other = workshop.worker("two")

        async def meanwhile(stride):
            before = len(workshop.queue.made)
            await deliver(other, errand)
            (task,) = workshop.queue.made[before:]
            again.append(task)

        again: list[Task] = []
        workshop.relays.before = meanwhile
        batch = await workshop.submit(3)
        errand = chunk_errand(batch, 3)
        await workshop.queue.run(workshop.services, until=timedelta(seconds=1))
        assert [task.at for task in again] == [START + timedelta(seconds=LEASE + 1)]
        assert workshop.relays.times_handed == dict.fromkeys(addresses(0, 1, 2), 1)

    async def test_an_expired_lease_leaves_its_stride_uncertain_and_the_rest_is_sent(self, workshop):
        batch = await abandoned(workshop, on_uncertain="hold")
        workshop.clock.advance(LEASE + 1)
        await workshop.queue.run(workshop.worker("two"))
        progress = await workshop.progress(batch)
        assert statuses(progress) == ["uncertain"] * 3 + ["sent"] * 5
        assert "worker ended" in progress.details[0].notes[0].text
        assert set(workshop.relays.times_handed.values()) == {1}
        assert (await workshop.batch(batch)).status == "done"

    async def test_where_the_sender_wants_it_the_stride_is_sent_again_as_the_same_messages(self, workshop):
        batch = await abandoned(workshop, on_uncertain="resend")
        workshop.clock.advance(LEASE + 1)
        await workshop.queue.run(workshop.worker("two"))
        assert statuses(await workshop.progress(batch)) == ["sent"] * 8
        assert workshop.relays.times_handed[address(0)] == 2
        first, second = (one for one in workshop.relays.handed if one.envelope.rcpt_to == address(0))
        assert message_id(first) == message_id(second)

    async def test_a_single_send_is_sent_again_with_the_same_message_id(self, workshop):
        async def vanish(message):
            workshop.relays.handed.append(message)
            raise asyncio.CancelledError

        accepted = await send_message(workshop.services, send_order(), a_request())
        workshop.relays.each = vanish
        with pytest.raises(asyncio.CancelledError):
            await workshop.queue.run(workshop.services)
        workshop.relays.each = None
        await workshop.queue.run(workshop.worker("two"))
        first, second = workshop.relays.handed
        assert message_id(first) == message_id(second)
        progress = (await workshop.message(accepted.id)).progress
        assert progress.results == Status.SENT.mark

    @pytest.mark.parametrize("stride", [1, 2, 3])
    async def test_who_lost_the_lease_settles_what_is_uncertain(self, workshop, stride):
        other = workshop.worker("two")

        async def outlive_the_lease(messages):
            if len(workshop.relays.strides) == stride:
                workshop.clock.advance(LEASE + 1)
                await deliver(other, chunk_errand(batch, COUNT))

        workshop.relays.before = outlive_the_lease
        batch = await workshop.submit_list(await workshop.list_of(2 * COUNT, pages=2))
        await workshop.queue.run(workshop.services)
        for chunk in range(2):
            assert statuses(await workshop.progress(batch, chunk)) == ["sent"] * COUNT
        assert workshop.relays.times_handed == dict.fromkeys(addresses(*range(2 * COUNT)), 1)
        assert (await workshop.batch(batch)).status == "done"

    async def test_two_workers_at_two_stretches_of_a_chunk_lose_neither(self, workshop):
        batch = await workshop.submit(COUNT)
        await released(workshop, batch)
        other = workshop.worker("two")
        await workshop.queue.enqueue(*stretches(batch))
        one, two = workshop.queue.waiting
        results = await asyncio.gather(
            perform(workshop.services, one), perform(other, two), return_exceptions=True
        )
        for task, result in zip((one, two), results, strict=True):
            if result is None:
                workshop.queue.waiting.remove(task)
        await workshop.queue.run(other)
        assert statuses(await workshop.progress(batch)) == ["sent"] * COUNT
        assert set(workshop.relays.times_handed.values()) == {1}

    async def test_one_worker_at_two_stretches_of_a_chunk_loses_neither(self, workshop):
        batch = await workshop.submit(COUNT)
        await released(workshop, batch)
        await asyncio.gather(*(perform(workshop.services, task) for task in stretches(batch)))
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["sent"] * COUNT
        assert set(workshop.relays.times_handed.values()) == {1}

    async def test_a_resume_while_the_paused_stride_is_still_out_loses_nobody(self, workshop):
        async def pause_and_resume(stride):
            workshop.relays.before = None
            await pause_batch(workshop.services, batch)
            await resume_batch(workshop.services, batch)
            _, release = workshop.queue.waiting
            await perform(workshop.services, release)
            _, _, task = workshop.queue.waiting
            beside.append(asyncio.create_task(perform(workshop.services, task)))
            workshop.queue.waiting[1:] = []

        beside: list[asyncio.Task[None]] = []
        workshop.relays.before = pause_and_resume
        batch = await workshop.submit(COUNT)
        await workshop.queue.run(workshop.services)
        await asyncio.gather(*beside)
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["sent"] * COUNT
        assert set(workshop.relays.times_handed.values()) == {1}
        assert (await workshop.batch(batch)).status == "done"


def stretches(batch):
    errands = (chunk_errand(batch, 4), chunk_errand(batch, COUNT, first=4))
    return [Task("deliver", errand.as_body(), f"stretch-{errand.first}") for errand in errands]


async def released(workshop, batch):
    """As after `release`, with the tasks left to the test."""
    (task,) = workshop.queue.waiting
    await perform(workshop.services, task)
    workshop.queue.waiting.clear()


async def abandoned(workshop, **fields):
    """A batch whose worker vanished in its first stride, after the relay had it."""

    async def vanish(message):
        if message.envelope.rcpt_to == address(2):
            workshop.relays.handed.append(message)
            raise asyncio.CancelledError

    batch = await workshop.submit(8, **fields)
    workshop.relays.each = vanish
    with pytest.raises(asyncio.CancelledError):
        await workshop.queue.run(workshop.services)
    workshop.relays.each = None
    return batch


class TestTasksThatComeTwice:
    async def test_one_after_the_other(self, workshop):
        workshop.relays.say(address(1), POSTPONED, POSTPONED)
        batch = await workshop.submit(COUNT)
        await workshop.queue.run(workshop.services, times=2)
        await self.all_is_well(workshop, batch)

    async def test_at_two_workers_in_turn(self, workshop):
        batch = await workshop.submit(COUNT)
        other = workshop.worker("two")
        while workshop.queue.waiting:
            task = workshop.queue.waiting.pop(0)
            await perform(workshop.services, task)
            await perform(other, task)
        await self.all_is_well(workshop, batch)

    @pytest.mark.parametrize("pages", [1, 3])
    async def test_at_two_workers_side_by_side(self, workshop, pages):
        batch = await workshop.submit_list(await workshop.list_of(12, pages))
        await workshop.queue.run(workshop.services, workshop.worker("two"))
        assert workshop.relays.times_handed == dict.fromkeys(addresses(*range(12)), 1)
        assert (await workshop.batch(batch)).status == "done"

    async def test_at_a_worker_that_vanishes_before_it_is_done(self, workshop):
        """An answer to the second would be the task's: the queue would forget it while its stride is in the air."""
        batch = await workshop.submit(COUNT)
        await released(workshop, batch)
        errand = chunk_errand(batch, COUNT)
        met, vanish = asyncio.Event(), asyncio.Event()

        async def until_it_vanishes(message):
            met.set()
            await vanish.wait()
            raise asyncio.CancelledError

        workshop.relays.each = until_it_vanishes
        first = asyncio.create_task(deliver(workshop.services, errand))
        await met.wait()
        second = asyncio.create_task(deliver(workshop.services, errand))
        done, _ = await asyncio.wait([second], timeout=0.2)
        assert not done and not workshop.queue.waiting
        workshop.relays.each = None
        vanish.set()
        await asyncio.wait([first, second])
        assert first.cancelled() and not second.cancelled()
        assert (await workshop.batch(batch)).status == "done"

    async def test_a_message_at_two_workers_side_by_side(self, workshop):
        accepted = await send_message(workshop.services, send_order(*addresses(*range(5))), a_request())
        await workshop.queue.run(workshop.services, workshop.worker("two"), workshop.worker("three"))
        assert set(workshop.relays.times_handed.values()) == {1}
        assert (await workshop.message(accepted.id)).progress.results == "sssss"

    async def test_long_after_everything_is_over(self, workshop):
        workshop.relays.say(address(1), POSTPONED, POSTPONED)
        batch = await workshop.submit(COUNT)
        await workshop.queue.run(workshop.services)
        handed = len(workshop.relays.handed)
        for task in list(workshop.queue.made):
            await perform(workshop.worker("late"), task)
        assert len(workshop.relays.handed) == handed
        assert not workshop.queue.waiting
        assert (await workshop.batch(batch)).status == "done"

    async def all_is_well(self, workshop, batch):
        progress = await workshop.progress(batch)
        assert progress.is_finished
        postponed = {address(1): workshop.relays.times_handed[address(1)]}
        expected = dict.fromkeys(addresses(*range(COUNT)), 1) | postponed
        assert workshop.relays.times_handed == expected
        assert (await workshop.batch(batch)).status == "done"


class TestLostAnswers:
    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    async def test_a_write_whose_answer_was_lost_is_known_as_ones_own(self, workshop, number):
        faulty = FaultyStore(workshop.store, nth(number, "/progress/", lost_answer()), written=True)
        batch = await workshop.submit(COUNT)
        await workshop.queue.run(workshop.worker("w", store=faulty))
        assert statuses(await workshop.progress(batch)) == ["sent"] * COUNT
        assert set(workshop.relays.times_handed.values()) == {1}

    async def test_the_same_for_a_message(self, workshop):
        for number in (1, 2):
            faulty = FaultyStore(workshop.store, nth(number, "messages/", lost_answer()), written=True)
            accepted = await send_message(workshop.services, send_order(), a_request())
            await workshop.queue.run(workshop.worker("w", store=faulty))
            assert (await workshop.message(accepted.id)).progress.results == "s"
        assert workshop.relays.times_handed[address(0)] == 2

    @pytest.mark.parametrize("written", [True, False])
    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    async def test_a_store_that_fails_once_makes_nothing_uncertain(self, workshop, number, written):
        faulty = FaultyStore(workshop.store, nth(number, "/progress/", no_answer()), written)
        batch = await workshop.submit(COUNT)
        await workshop.queue.run(workshop.worker("w", store=faulty))
        assert statuses(await workshop.progress(batch)) == ["sent"] * COUNT
        assert set(workshop.relays.times_handed.values()) == {1}


async def test_a_batch_cancelled_while_its_worker_is_gone_leaves_nobody_sending(workshop):
    batch = await abandoned(workshop, on_uncertain="resend")
    await cancel_batch(workshop.services, batch)
    await workshop.queue.run(workshop.worker("two"))
    found = statuses(await workshop.progress(batch))
    assert found[:3] == ["uncertain"] * 3
    assert set(found[3:]) <= {"queued", "cancelled"}
