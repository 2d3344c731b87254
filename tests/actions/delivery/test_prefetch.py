"""Composing ahead: one claim batch for each chunk, within the room there is, and without ever standing still."""

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.actions.delivery.prefetch import ClaimBatch, open_prefetch
from warmpost.actions.state import worker_slots
from warmpost.actions.state.worker_slots import COMPOSED_AT_ONCE, PrefetchRoom
from warmpost.rules.delivery.envelope import Envelope, Outgoing


def claim_batch(positions, octets=10):
    message = Outgoing(Envelope("a@b.example", "c@d.example"), (bytes(octets), bytes(10**6)))
    return ClaimBatch(positions, [message] * len(positions))


class Worker:
    """A chunk is a name with the positions of its claim batches; composing one ends when it is let go."""

    def __init__(self, octets=10):
        self.room = PrefetchRoom()
        self.begun = []
        self.octets = octets
        self.free = asyncio.Event()

    def ahead(self, name, count, fails=()):
        async def compose(positions):
            self.begun.append((name, positions[0]))
            await self.free.wait()
            await asyncio.sleep(0)
            if positions[0] in fails:
                raise ValueError("cannot be composed")
            return claim_batch(positions, self.octets)

        return open_prefetch([[number] for number in range(count)], compose, self.room)


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_claim_batches_are_given_out_in_their_order():
    worker = Worker()
    worker.free.set()
    async with worker.ahead("a", 5) as ahead:
        assert [(await ahead.take()).positions for _ in ahead.claim_batches] == [[0], [1], [2], [3], [4]]
    assert worker.room.is_empty


async def test_one_claim_batch_of_a_chunk_is_composed_ahead():
    worker = Worker()
    worker.free.set()
    async with worker.ahead("a", 5) as ahead:
        await settled()
        assert worker.begun == [("a", 0)]
        await ahead.take()
        await settled()
        assert worker.begun == [("a", 0), ("a", 1)]
    assert worker.room.is_empty


async def test_no_more_than_a_few_are_composed_at_once():
    worker = Worker()
    async with worker.ahead("a", 1), worker.ahead("b", 1), worker.ahead("c", 1), worker.ahead("d", 1):
        await settled()
        assert len(worker.begun) == COMPOSED_AT_ONCE
    assert worker.room.is_empty


async def test_nothing_is_composed_ahead_while_enough_is_ready(monkeypatch):
    monkeypatch.setattr(worker_slots, "MOST_PREFETCHED", 15)
    worker = Worker()
    worker.free.set()
    async with worker.ahead("a", 2) as one, worker.ahead("b", 2) as two:
        await settled()
        async with worker.ahead("c", 2) as three:
            await settled()
            assert worker.begun == [("a", 0), ("b", 0)]
            assert (await three.take()).positions == [0], "who takes is given, whatever waits"
        assert (await one.take()).positions == (await two.take()).positions == [0]
    assert worker.room.is_empty


async def test_what_all_messages_share_takes_no_room():
    assert claim_batch([1, 2], octets=7).octets == 14


async def test_what_nobody_takes_makes_room_for_the_next(monkeypatch):
    monkeypatch.setattr(worker_slots, "MOST_PREFETCHED", 5)
    worker = Worker()
    worker.free.set()
    async with worker.ahead("a", 6):
        await settled()
    assert worker.room.is_empty
    async with worker.ahead("b", 3) as ahead:
        assert [(await ahead.take()).positions for _ in ahead.claim_batches] == [[0], [1], [2]]


async def test_what_cannot_be_composed_is_told_to_its_taker_and_holds_up_nobody():
    worker = Worker()
    worker.free.set()
    async with worker.ahead("a", 3, fails={1}) as ahead, worker.ahead("b", 1) as other:
        await ahead.take()
        with pytest.raises(ValueError, match="cannot be composed"):
            await ahead.take()
        assert (await other.take()).positions == [0]
    assert worker.room.is_empty


async def test_a_taker_that_is_ended_leaves_no_room_taken():
    worker = Worker()
    async with worker.ahead("a", 3) as ahead:
        taking = asyncio.create_task(ahead.take())
        await settled()
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        worker.free.set()
        await settled()
    assert worker.room.is_empty


async def test_a_chunk_of_nothing_is_fine():
    async with Worker().ahead("a", 0) as ahead:
        assert ahead.claim_batches == []


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=8), st.integers(1, 60), st.randoms()
)
async def test_chunks_never_stand_still_however_long_anybody_waits_between_two_calls(
    chunks, octets, dice: Random
):
    """chunks: how many claim batches each has, and how many it takes before it gives up."""
    worker = Worker(octets)
    worker.free.set()
    turns = asyncio.Semaphore(2)

    async def pause():
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)

    async def deliver(name, count, most):
        async with worker.ahead(name, count) as ahead:
            await pause()  # between composing ahead and the turn: their order must not matter
            async with turns:
                for _ in ahead.claim_batches[:most]:
                    await ahead.take()
                    await pause()

    tight, worker_slots.MOST_PREFETCHED = worker_slots.MOST_PREFETCHED, 50
    try:
        async with asyncio.timeout(30):
            await asyncio.gather(*(deliver(n, *one) for n, one in enumerate(chunks)))
    finally:
        worker_slots.MOST_PREFETCHED = tight
    assert worker.room.is_empty
