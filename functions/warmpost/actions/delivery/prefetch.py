"""Claim batches composed ahead of their turn: one for each chunk, and no more than memory has room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery
from warmpost.actions.ports import Composer
from warmpost.actions.state.worker_slots import PrefetchRoom
from warmpost.errors import Invalid
from warmpost.rules.delivery.envelope import Outgoing
from warmpost.rules.message.message import Unrenderable


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """positions: claimed together. messages: composed, or why not."""

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
    """The claim batches of one chunk, the next of which is composed while the one before is sent.

    Nobody waits for room: where there is none, nothing is composed ahead, and `take` composes what it gives. So chunks
    cannot stand in each other's way, whatever the order in which they come and take.
    """

    def __init__(self, claim_batches: Sequence[Sequence[int]], compose: Compose, room: PrefetchRoom) -> None:
        self.claim_batches = claim_batches
        self._compose = compose
        self._room = room
        self._taken = 0
        self._ahead: asyncio.Task[ClaimBatch] | None = None
        self._begin_next()

    async def take(self) -> ClaimBatch:
        """The next one, as soon as it is composed."""
        task = self._ahead or self._begin()
        self._ahead = None
        try:
            claim_batch = await task
        except asyncio.CancelledError:
            await self._drop(task)
            raise
        self._room.leave(claim_batch.octets)
        self._taken += 1
        self._begin_next()
        return claim_batch

    async def close(self) -> None:
        """What nobody took is thrown away."""
        if self._ahead:
            await self._drop(self._ahead)

    def _begin_next(self) -> None:
        if self._taken < len(self.claim_batches) and self._room.has_space:
            self._ahead = self._begin()

    def _begin(self) -> asyncio.Task[ClaimBatch]:
        return asyncio.create_task(self._composed(self.claim_batches[self._taken]))

    async def _composed(self, positions: Sequence[int]) -> ClaimBatch:
        async with self._room.composing:
            claim_batch = await self._compose(positions)
        self._room.enter(claim_batch.octets)
        return claim_batch

    async def _drop(self, task: asyncio.Task[ClaimBatch]) -> None:
        task.cancel()
        (dropped,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(dropped, ClaimBatch):
            self._room.leave(dropped.octets)


@asynccontextmanager
async def open_prefetch(
    claim_batches: Sequence[Sequence[int]], compose: Compose, room: PrefetchRoom
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

    def ahead(self, pending: Sequence[int]) -> AbstractAsyncContextManager[Prefetch]:
        size = self._services.policy.claim_batch
        claim_batches = [pending[start : start + size] for start in range(0, len(pending), size)]
        return open_prefetch(claim_batches, self._compose, self._services.worker_slots.prefetch_room)

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
