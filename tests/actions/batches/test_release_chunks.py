"""Held recipients leave the queue: each once, whoever releases and whatever fails in between."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from tests.actions.faults import FaultyStore, lost_answer, no_answer, nth
from tests.actions.workshop import DOMAIN, addresses
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.batches.release_chunks import STEPS_PER_TASK, ReleaseMissingError, release_chunks
from warmpost.errors import Unavailable
from warmpost.rules.delivery.chunks import Chunk
from warmpost.rules.model.writes import Put
from warmpost.rules.warmup.documents import Warmth

COUNT = 12


async def positions_queued(workshop, batch, generation=0):
    """How often each recipient of the batch is in a deliver task, by position in the batch."""
    found: Counter[int] = Counter()
    for task in workshop.queue.of("deliver"):
        body = {"first": 0, "generation": 0, **task.body}
        if body["generation"] == generation:
            chunk = await workshop.store.get(Chunk, f"batches/{batch}/chunks/{body['chunk']}")
            start = chunk.value.first
            found.update(range(start + body["first"], start + body["end"]))
    return found


EACH_ONCE = dict.fromkeys(range(COUNT), 1)


@pytest.mark.parametrize("pages", [1, 3, 12])
async def test_a_task_for_each_chunk_and_every_recipient_in_one(workshop, pages):
    batch = await workshop.submit_list(await workshop.list_of(COUNT, pages))
    await release_chunks(workshop.services, batch)
    assert len(workshop.queue.of("deliver")) == pages
    assert await positions_queued(workshop, batch) == EACH_ONCE
    assert (await workshop.batch(batch)).released == COUNT


async def test_releasing_again_queues_nothing_new(workshop):
    batch = await workshop.submit(COUNT)
    for worker in (workshop.services, workshop.services, workshop.worker("two")):
        await release_chunks(worker, batch)
    assert await positions_queued(workshop, batch) == EACH_ONCE


async def test_many_releases_at_once_release_everybody_once(workshop):
    batch = await workshop.submit_list(await workshop.list_of(COUNT, 3))
    await asyncio.gather(*(release_chunks(workshop.worker(f"w{n}"), batch) for n in range(5)))
    assert await positions_queued(workshop, batch) == EACH_ONCE
    warmth = await workshop.store.get(Warmth, f"warmth/{DOMAIN}")
    assert warmth.value.reserved == COUNT


@pytest.mark.parametrize("room", range(5))
async def test_a_queue_that_fails_midway_gets_the_missing_tasks_later(workshop, room):
    batch = await workshop.submit_list(await workshop.list_of(COUNT, 4))
    workshop.queue.room = room
    if room < 4:
        with pytest.raises(Unavailable):
            await release_chunks(workshop.services, batch)
    else:
        await release_chunks(workshop.services, batch)
    workshop.queue.room = None
    await release_chunks(workshop.services, batch)
    assert await positions_queued(workshop, batch) == EACH_ONCE


async def test_rivals_that_take_turn_after_turn_of_a_release_only_delay_it(workshop):
    """With the clock standing still and nothing changed, each turn must still be followed by another."""
    rivals = iter([lost_answer()] * (3 * STEPS_PER_TASK))

    def rival(*writes):
        return next(rivals, None) if any("warmth/" in one.path for one in writes) else None

    batch = await workshop.submit(COUNT)
    worker = workshop.worker("w", store=FaultyStore(workshop.store, rival, written=False))
    await workshop.queue.run(worker, until=timedelta(0))
    assert next(rivals, None) is None
    assert await positions_queued(workshop, batch) == EACH_ONCE


async def test_a_turn_delivered_twice_is_followed_once(workshop):
    rivals = iter([lost_answer()] * (2 * STEPS_PER_TASK))
    store = FaultyStore(workshop.store, lambda *writes: next(rivals, None), written=False)
    batch = await workshop.submit(COUNT)
    for name in ("one", "two"):
        await release_chunks(workshop.worker(name, store=store), batch, turn="the same")
    assert len(workshop.queue.of("release")) == 2


@pytest.mark.parametrize("fault", [lost_answer(), no_answer()])
@pytest.mark.parametrize("written", [True, False])
async def test_a_release_whose_answer_is_lost_reserves_once(workshop, written, fault):
    batch = await workshop.submit(COUNT)
    store = FaultyStore(workshop.store, nth(1, "warmth/", fault), written)
    try:
        await release_chunks(workshop.worker("w", store=store), batch)
    except Unavailable:
        await release_chunks(workshop.worker("w"), batch)
    assert await positions_queued(workshop, batch) == EACH_ONCE
    warmth = await workshop.store.get(Warmth, f"warmth/{DOMAIN}")
    assert warmth.value.reserved == COUNT


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_cap_cuts_chunks_and_every_day_sends_its_part(workshop, workers):
    await workshop.store.commit(Put(f"warmth/{DOMAIN}", Warmth(warmup=True, cap=5)))
    batch = await workshop.submit_list(await workshop.list_of(COUNT, 2))
    crew = [workshop.worker(f"w{n}") for n in range(workers)]
    await workshop.queue.run(*crew, until=timedelta(hours=11))
    assert len(workshop.relays.handed) == 5
    await workshop.queue.run(*crew, until=timedelta(days=5))
    assert workshop.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
    assert await positions_queued(workshop, batch) == EACH_ONCE
    value = await workshop.batch(batch)
    assert (value.status, len(value.days)) == ("done", 3)


class TestResumed:
    async def test_tasks_are_made_anew_under_the_next_generation(self, workshop):
        batch = await workshop.submit_list(await workshop.list_of(COUNT, 3))
        await release_chunks(workshop.services, batch)
        await pause_batch(workshop.services, batch)
        workshop.queue.waiting.clear()
        await resume_batch(workshop.services, batch)
        await workshop.queue.run(workshop.services)
        assert await positions_queued(workshop, batch, generation=1) == EACH_ONCE
        assert workshop.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
        assert (await workshop.batch(batch)).status == "done"

    async def test_but_not_for_chunks_that_are_finished(self, workshop):
        async def pause(stride):
            if workshop.relays.strides[0] == stride:
                return
            await pause_batch(workshop.services, batch)

        workshop.relays.before = pause
        batch = await workshop.submit_list(await workshop.list_of(COUNT, 4))
        await workshop.queue.run(workshop.services)
        workshop.relays.before = None
        await resume_batch(workshop.services, batch)
        await workshop.queue.run(workshop.services)
        queued = await positions_queued(workshop, batch, generation=1)
        assert queued == dict.fromkeys(range(6, COUNT), 1)
        assert (await workshop.batch(batch)).status == "done"

    async def test_resuming_twice_makes_one_generation(self, workshop):
        batch = await workshop.submit(COUNT)
        await pause_batch(workshop.services, batch)
        await resume_batch(workshop.services, batch)
        await resume_batch(workshop.services, batch)
        assert (await workshop.batch(batch)).generation == 1

    async def test_pauses_and_resumes_at_every_stride_send_everybody_once(self, workshop):
        async def stop_and_go(stride):
            await pause_batch(workshop.services, batch)
            await resume_batch(workshop.services, batch)

        workshop.relays.before = stop_and_go
        batch = await workshop.submit_list(await workshop.list_of(COUNT, 2))
        await workshop.queue.run(workshop.services, workshop.worker("two"))
        assert workshop.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
        assert (await workshop.batch(batch)).status == "done"

    async def test_a_batch_whose_last_chunk_ended_while_it_was_paused_is_done_after_resume(self, workshop):
        async def pause(stride):
            await pause_batch(workshop.services, batch)

        workshop.relays.before = pause
        batch = await workshop.submit(2)
        await workshop.queue.run(workshop.services)
        assert (await workshop.batch(batch)).status == "paused"
        await resume_batch(workshop.services, batch)
        await workshop.queue.run(workshop.services)
        assert (await workshop.batch(batch)).status == "done"


async def test_a_batch_that_is_not_there_yet_is_said_so(workshop):
    with pytest.raises(ReleaseMissingError):
        await release_chunks(workshop.services, "99")


async def test_a_cancelled_batch_releases_nobody(workshop):
    batch = await workshop.submit(COUNT)
    await cancel_batch(workshop.services, batch)
    await workshop.queue.run(workshop.services)
    assert not workshop.queue.of("deliver")
    assert not workshop.relays.strides
