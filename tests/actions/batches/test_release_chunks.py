"""Held recipients leave the queue: each once, whoever releases and whatever fails in between."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from tests.actions.faults import FaultyStore, lost_answer, no_answer, nth
from tests.actions.harness import DOMAIN, addresses
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.batches.release_chunks import STEPS_PER_TASK, release_chunks
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.errors import Unavailable
from warmpost.rules.delivery.chunks import Chunk
from warmpost.rules.model.writes import Put
from warmpost.rules.warmup.documents import WarmupState

COUNT = 12


async def positions_queued(harness, batch, generation=0):
    """How often each recipient of the batch is in a deliver task, by position in the batch."""
    found: Counter[int] = Counter()
    for task in harness.queue.of("deliver"):
        body = {"first": 0, "generation": 0, **task.body}
        if body["generation"] == generation:
            chunk = await harness.store.get(Chunk, f"batches/{batch}/chunks/{body['chunk']}")
            start = chunk.value.first
            found.update(range(start + body["first"], start + body["end"]))
    return found


EACH_ONCE = dict.fromkeys(range(COUNT), 1)


@pytest.mark.parametrize("pages", [1, 3, 12])
async def test_a_task_for_each_chunk_and_every_recipient_in_one(harness, pages):
    batch = await harness.submit_list(await harness.list_of(COUNT, pages))
    await release_chunks(harness.services, batch)
    assert len(harness.queue.of("deliver")) == pages
    assert await positions_queued(harness, batch) == EACH_ONCE
    assert (await harness.batch(batch)).released == COUNT


async def test_releasing_again_queues_nothing_new(harness):
    batch = await harness.submit(COUNT)
    for worker in (harness.services, harness.services, harness.worker("two")):
        await release_chunks(worker, batch)
    assert await positions_queued(harness, batch) == EACH_ONCE


async def test_many_releases_at_once_release_everybody_once(harness):
    batch = await harness.submit_list(await harness.list_of(COUNT, 3))
    await asyncio.gather(*(release_chunks(harness.worker(f"w{n}"), batch) for n in range(5)))
    assert await positions_queued(harness, batch) == EACH_ONCE
    warmup_state = await harness.store.get(WarmupState, f"warmup/{DOMAIN}")
    assert warmup_state.value.reserved == COUNT


@pytest.mark.parametrize("room", range(5))
async def test_a_queue_that_fails_midway_gets_the_missing_tasks_later(harness, room):
    batch = await harness.submit_list(await harness.list_of(COUNT, 4))
    harness.queue.room = room
    if room < 4:
        with pytest.raises(Unavailable):
            await release_chunks(harness.services, batch)
    else:
        await release_chunks(harness.services, batch)
    harness.queue.room = None
    await release_chunks(harness.services, batch)
    assert await positions_queued(harness, batch) == EACH_ONCE


async def test_rivals_that_take_turn_after_turn_of_a_release_only_delay_it(harness):
    """With the clock standing still and nothing changed, each turn must still be followed by another."""
    rivals = iter([lost_answer()] * (3 * STEPS_PER_TASK))

    def rival(*writes):
        return next(rivals, None) if any("warmup/" in one.path for one in writes) else None

    batch = await harness.submit(COUNT)
    worker = harness.worker("w", store=FaultyStore(harness.store, rival, written=False))
    await harness.queue.run(worker, until=timedelta(0))
    assert next(rivals, None) is None
    assert await positions_queued(harness, batch) == EACH_ONCE


async def test_a_turn_delivered_twice_is_followed_once(harness):
    rivals = iter([lost_answer()] * (2 * STEPS_PER_TASK))
    store = FaultyStore(harness.store, lambda *writes: next(rivals, None), written=False)
    batch = await harness.submit(COUNT)
    for name in ("one", "two"):
        await release_chunks(harness.worker(name, store=store), batch, turn="the same")
    assert len(harness.queue.of("release")) == 2


@pytest.mark.parametrize("fault", [lost_answer(), no_answer()])
@pytest.mark.parametrize("written", [True, False])
async def test_a_release_whose_answer_is_lost_reserves_once(harness, written, fault):
    batch = await harness.submit(COUNT)
    store = FaultyStore(harness.store, nth(1, "warmup/", fault), written)
    try:
        await release_chunks(harness.worker("w", store=store), batch)
    except Unavailable:
        await release_chunks(harness.worker("w"), batch)
    assert await positions_queued(harness, batch) == EACH_ONCE
    warmup_state = await harness.store.get(WarmupState, f"warmup/{DOMAIN}")
    assert warmup_state.value.reserved == COUNT


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_cap_cuts_chunks_and_every_day_sends_its_part(harness, workers):
    await harness.store.commit(Put(f"warmup/{DOMAIN}", WarmupState(warmup=True, cap=5)))
    batch = await harness.submit_list(await harness.list_of(COUNT, 2))
    crew = [harness.worker(f"w{n}") for n in range(workers)]
    await harness.queue.run(*crew, until=timedelta(hours=11))
    assert len(harness.relays.handed) == 5
    await harness.queue.run(*crew, until=timedelta(days=5))
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
    assert await positions_queued(harness, batch) == EACH_ONCE
    value = await harness.batch(batch)
    assert (value.status, len(value.days)) == ("done", 3)


class TestResumed:
    async def test_tasks_are_made_anew_under_the_next_generation(self, harness):
        batch = await harness.submit_list(await harness.list_of(COUNT, 3))
        await release_chunks(harness.services, batch)
        await pause_batch(harness.services, batch)
        harness.queue.waiting.clear()
        await resume_batch(harness.services, batch)
        await harness.queue.run(harness.services)
        assert await positions_queued(harness, batch, generation=1) == EACH_ONCE
        assert harness.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
        assert (await harness.batch(batch)).status == "done"

    async def test_but_not_for_chunks_that_are_finished(self, harness):
        async def pause(claim_batch):
            if harness.relays.claim_batches[0] == claim_batch:
                return
            await pause_batch(harness.services, batch)

        harness.relays.before = pause
        batch = await harness.submit_list(await harness.list_of(COUNT, 4))
        await harness.queue.run(harness.services)
        harness.relays.before = None
        await resume_batch(harness.services, batch)
        await harness.queue.run(harness.services)
        queued = await positions_queued(harness, batch, generation=1)
        assert queued == dict.fromkeys(range(6, COUNT), 1)
        assert (await harness.batch(batch)).status == "done"

    async def test_resuming_twice_makes_one_generation(self, harness):
        batch = await harness.submit(COUNT)
        await pause_batch(harness.services, batch)
        await resume_batch(harness.services, batch)
        await resume_batch(harness.services, batch)
        assert (await harness.batch(batch)).generation == 1

    async def test_pauses_and_resumes_at_every_claim_batch_send_everybody_once(self, harness):
        async def stop_and_go(claim_batch):
            await pause_batch(harness.services, batch)
            await resume_batch(harness.services, batch)

        harness.relays.before = stop_and_go
        batch = await harness.submit_list(await harness.list_of(COUNT, 2))
        await harness.queue.run(harness.services, harness.worker("two"))
        assert harness.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
        assert (await harness.batch(batch)).status == "done"

    async def test_a_batch_whose_last_chunk_ended_while_it_was_paused_is_done_after_resume(self, harness):
        async def pause(claim_batch):
            await pause_batch(harness.services, batch)

        harness.relays.before = pause
        batch = await harness.submit(2)
        await harness.queue.run(harness.services)
        assert (await harness.batch(batch)).status == "paused"
        await resume_batch(harness.services, batch)
        await harness.queue.run(harness.services)
        assert (await harness.batch(batch)).status == "done"


async def test_a_batch_that_is_not_there_yet_is_said_so(harness):
    with pytest.raises(NotStoredYetError):
        await release_chunks(harness.services, "99")


async def test_a_cancelled_batch_releases_nobody(harness):
    batch = await harness.submit(COUNT)
    await cancel_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    assert not harness.queue.of("deliver")
    assert not harness.relays.claim_batches
