"""Composing ahead: in the order of the turns, within the room there is, and without ever standing still."""

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.actions.delivery.prefetch import ClaimBatch, open_prefetch
from warmpost.actions.state import worker_slots
from warmpost.actions.state.worker_slots import AT_ONCE, Room
from warmpost.rules.delivery.envelope import Envelope, Outgoing


def claim_batch(positions, octets=10):
    message = Outgoing(Envelope("a@b.example", "c@d.example"), (bytes(octets), bytes(10**6)))
    return ClaimBatch(positions, [message] * len(positions))


class Bench:
    """A chunk is a name with the positions of its claim batches; composing one ends when it is let go."""

    def __init__(self, octets=10):
        self.room = Room()
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

    @property
    def is_empty(self):
        return not (self.room._ready or self.room._composing or self.room.line.locked())


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_strides_are_given_out_in_their_order():
    bench = Bench()
    bench.free.set()
    async with bench.ahead("a", 5) as ahead:
        assert [(await ahead.take()).positions for _ in ahead.claim_batches] == [[0], [1], [2], [3], [4]]
    assert bench.is_empty


async def test_no_more_than_a_few_are_composed_at_once():
    bench = Bench()
    async with bench.ahead("a", 5):
        await settled()
        assert len(bench.begun) == AT_ONCE
    assert bench.is_empty


async def test_who_came_first_has_all_its_strides_composed_first():
    bench = Bench()
    async with bench.ahead("a", 3), bench.ahead("b", 2):
        await settled()
        bench.free.set()
        await settled()
        assert bench.begun == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)]


async def test_nothing_is_begun_while_enough_is_ready(monkeypatch):
    monkeypatch.setattr(worker_slots, "MOST_READY", 25)
    bench = Bench()
    bench.free.set()
    async with bench.ahead("a", 9) as ahead:
        await settled()
        assert len(bench.begun) == 4  # the third fills it while the fourth is being composed
        await ahead.take()
        await settled()
        assert len(bench.begun) == 4
        await ahead.take()
        await settled()
        assert len(bench.begun) == 6
    assert bench.is_empty


async def test_what_all_messages_share_takes_no_room():
    assert claim_batch([1, 2], octets=7).octets == 14


async def test_what_nobody_takes_makes_room_for_the_next(monkeypatch):
    monkeypatch.setattr(worker_slots, "MOST_READY", 15)
    bench = Bench()
    bench.free.set()
    async with bench.ahead("a", 6):
        await settled()
    assert bench.is_empty
    async with bench.ahead("b", 3) as ahead:
        assert [(await ahead.take()).positions for _ in ahead.claim_batches] == [[0], [1], [2]]


async def test_what_cannot_be_composed_is_told_to_its_taker_and_holds_up_nobody():
    bench = Bench()
    bench.free.set()
    async with bench.ahead("a", 3, fails={1}) as ahead, bench.ahead("b", 1) as other:
        await ahead.take()
        with pytest.raises(ValueError, match="cannot be composed"):
            await ahead.take()
        assert (await other.take()).positions == [0]
    assert bench.is_empty


async def test_a_chunk_of_nothing_is_fine():
    async with Bench().ahead("a", 0) as ahead:
        assert ahead.claim_batches == []


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=8), st.integers(1, 60), st.randoms()
)
async def test_chunks_that_take_turns_never_stand_still(chunks, octets, dice: Random):
    """chunks: how many claim batches each has, and how many it takes before it gives up."""
    bench = Bench(octets)
    bench.free.set()
    turns = asyncio.Semaphore(2)

    async def deliver(name, count, most):
        async with bench.ahead(name, count) as ahead, turns:
            for _ in ahead.claim_batches[:most]:
                await ahead.take()
                for _ in range(dice.randrange(3)):
                    await asyncio.sleep(0)

    tight, worker_slots.MOST_READY = worker_slots.MOST_READY, 50
    try:
        async with asyncio.timeout(5):
            await asyncio.gather(*(deliver(n, *one) for n, one in enumerate(chunks)))
    finally:
        worker_slots.MOST_READY = tight
    assert bench.is_empty
