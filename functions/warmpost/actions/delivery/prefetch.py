"""ClaimBatches composed before it is their turn, in the order of the turns, and never more than memory has room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery
from warmpost.actions.ports import Composer
from warmpost.actions.state.worker_slots import Room
from warmpost.errors import Invalid
from warmpost.rules.delivery.envelope import Outgoing
from warmpost.rules.message.message import Unrenderable


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """positions: claimed together. letters: composed, or why not."""

    positions: Sequence[int]
    messages: Sequence[Outgoing | Unrenderable]

    @property
    def octets(self) -> int:
        """Of its own: what follows the first buffer of a message is shared by all of a chunk."""
        return sum(len(one.content[0]) for one in self.messages if isinstance(one, Outgoing))

    def only(self, positions: Sequence[int]) -> ClaimBatch:
        """positions: some of its own."""
        if len(positions) == len(self.positions):
            return self
        messages = dict(zip(self.positions, self.messages, strict=True))
        return ClaimBatch(positions, [messages[one] for one in positions])


Compose = Callable[[Sequence[int]], Coroutine[Any, Any, ClaimBatch]]


class Prefetch:
    """The claim batches of one chunk. Opened by `open_prefetch`."""

    def __init__(self, claim_batches: Sequence[Sequence[int]], compose: Compose, room: Room) -> None:
        loop = asyncio.get_running_loop()
        self.claim_batches = claim_batches
        self._compose = compose
        self._room = room
        self._ready: list[asyncio.Future[ClaimBatch]] = [loop.create_future() for _ in claim_batches]
        self._taken = 0
        self._tasks: list[asyncio.Task[Any]] = []
        if claim_batches:
            self._tasks.append(asyncio.create_task(self._compose_all()))

    async def take(self) -> ClaimBatch:
        """The next one, as soon as it is composed."""
        claim_batch = await self._ready[self._taken]
        self._taken += 1
        self._room.taken(claim_batch.octets)
        return claim_batch

    async def close(self) -> None:
        """What nobody took is thrown away."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for ready in self._ready[self._taken :]:
            if ready.done() and not ready.cancelled() and ready.exception() is None:
                self._room.taken(ready.result().octets)

    async def _compose_all(self) -> None:
        async with self._room.line:
            for positions, ready in zip(self.claim_batches, self._ready, strict=True):
                await self._room.enter()
                task = asyncio.create_task(self._compose(positions))
                task.add_done_callback(partial(self._composed, ready))
                self._tasks.append(task)

    def _composed(self, ready: asyncio.Future[ClaimBatch], task: asyncio.Task[ClaimBatch]) -> None:
        """A callback, because a task that is cancelled before it has begun runs nothing of its own."""
        octets = 0
        if task.cancelled() or ready.cancelled():
            ready.cancel()
        elif (problem := task.exception()) is not None:
            ready.set_exception(problem)
        else:
            octets = task.result().octets
            ready.set_result(task.result())
        self._room.composed(octets)


@asynccontextmanager
async def open_prefetch(
    claim_batches: Sequence[Sequence[int]], compose: Compose, room: Room
) -> AsyncIterator[Prefetch]:
    """claim_batches: positions that are claimed together."""
    prefetch = Prefetch(claim_batches, compose, room)
    try:
        yield prefetch
    finally:
        await prefetch.close()


class ClaimBatches:
    """Those of one delivery."""

    def __init__(self, services: Services, delivery: ChunkDelivery) -> None:
        self._services = services
        self._delivery = delivery
        self._composer: Composer | None = None

    def ahead(self, pending: Sequence[int], slowly: bool = False) -> AbstractAsyncContextManager[Prefetch]:
        """slowly: of slow providers, which like single sends stand in no line."""
        size, worker_slots = self._services.policy.claim_batch, self._services.worker_slots
        claim_batches = [pending[start : start + size] for start in range(0, len(pending), size)]
        in_line = bool(self._delivery.job.batch) and not slowly
        return open_prefetch(claim_batches, self._compose, worker_slots.room if in_line else Room())

    async def _compose(self, positions: Sequence[int]) -> ClaimBatch:
        delivery, policy = self._delivery, self._services.policy
        try:
            if self._composer is None:
                self._composer = self._services.signing_pool.composer(
                    delivery.message_content, delivery.domain.domain, delivery.domain.keys
                )
        except Invalid as problem:
            return ClaimBatch(positions, [Unrenderable(problem.message)] * len(positions))
        now = self._services.clock.timestamp()
        messages = await self._composer.compose(
            [delivery.composing_job(one, policy, now) for one in positions]
        )
        return ClaimBatch(positions, messages)
