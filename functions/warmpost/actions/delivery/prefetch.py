"""Strides composed before it is their turn, in the order of the turns, and never more than memory has room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import Parcel
from warmpost.actions.ports import Composer
from warmpost.actions.state.worker_slots import Room
from warmpost.errors import Invalid
from warmpost.rules.delivery.envelope import Outgoing
from warmpost.rules.message.message import Unrenderable


@dataclass(frozen=True, slots=True)
class Stride:
    """positions: claimed together. letters: composed, or why not."""

    positions: Sequence[int]
    letters: Sequence[Outgoing | Unrenderable]

    @property
    def octets(self) -> int:
        """Of its own: what follows the first buffer of a message is shared by all of a chunk."""
        return sum(len(one.content[0]) for one in self.letters if isinstance(one, Outgoing))

    def only(self, positions: Sequence[int]) -> Stride:
        """positions: some of its own."""
        if len(positions) == len(self.positions):
            return self
        letters = dict(zip(self.positions, self.letters, strict=True))
        return Stride(positions, [letters[one] for one in positions])


Compose = Callable[[Sequence[int]], Coroutine[Any, Any, Stride]]


class Lookahead:
    """The strides of one chunk. Opened by `look_ahead`."""

    def __init__(self, strides: Sequence[Sequence[int]], compose: Compose, room: Room) -> None:
        loop = asyncio.get_running_loop()
        self.strides = strides
        self._compose = compose
        self._room = room
        self._ready: list[asyncio.Future[Stride]] = [loop.create_future() for _ in strides]
        self._taken = 0
        self._tasks: list[asyncio.Task[Any]] = []
        if strides:
            self._tasks.append(asyncio.create_task(self._compose_all()))

    async def take(self) -> Stride:
        """The next one, as soon as it is composed."""
        stride = await self._ready[self._taken]
        self._taken += 1
        self._room.taken(stride.octets)
        return stride

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
            for positions, ready in zip(self.strides, self._ready, strict=True):
                await self._room.enter()
                task = asyncio.create_task(self._compose(positions))
                task.add_done_callback(partial(self._composed, ready))
                self._tasks.append(task)

    def _composed(self, ready: asyncio.Future[Stride], task: asyncio.Task[Stride]) -> None:
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
async def look_ahead(
    strides: Sequence[Sequence[int]], compose: Compose, room: Room
) -> AsyncIterator[Lookahead]:
    """strides: positions that are claimed together."""
    lookahead = Lookahead(strides, compose, room)
    try:
        yield lookahead
    finally:
        await lookahead.close()


class Strides:
    """Those of one parcel."""

    def __init__(self, services: Services, parcel: Parcel) -> None:
        self._services = services
        self._parcel = parcel
        self._composer: Composer | None = None

    def ahead(self, pending: Sequence[int], slowly: bool = False) -> AbstractAsyncContextManager[Lookahead]:
        """slowly: of slow providers, which like single sends stand in no line."""
        size, desk = self._services.policy.stride, self._services.desk
        strides = [pending[start : start + size] for start in range(0, len(pending), size)]
        in_line = bool(self._parcel.errand.batch) and not slowly
        return look_ahead(strides, self._compose, desk.room if in_line else Room())

    async def _compose(self, positions: Sequence[int]) -> Stride:
        parcel, policy = self._parcel, self._services.policy
        try:
            if self._composer is None:
                self._composer = self._services.press.composer(
                    parcel.letter, parcel.domain.domain, parcel.domain.keys
                )
        except Invalid as problem:
            return Stride(positions, [Unrenderable(problem.message)] * len(positions))
        now = self._services.clock.timestamp()
        letters = await self._composer.compose([parcel.job(one, policy, now) for one in positions])
        return Stride(positions, letters)
