"""Strides composed before it is their turn, in the order of the turns, and never more than memory has room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from warmpost.rules.delivery.envelope import Outgoing
from warmpost.rules.message.message import Unrenderable

AT_ONCE = 2
"""Strides being composed: no thread waits while another one finishes the last group of a stride."""

MOST_READY = 16_000_000
"""Octets that wait to be sent, beyond which no further stride is begun."""


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


class Room:
    """For what a process has composed and not sent yet.

    Chunks line up for it in the order in which they line up for their turns: what is ready or being composed is always
    for somebody before the one who waits, so it will be sent, and makes room.
    """

    def __init__(self) -> None:
        self.line = asyncio.Lock()
        self._composing = self._ready = 0
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """For the first in line."""
        while self._composing == AT_ONCE or self._ready >= MOST_READY:
            self._changed.clear()
            await self._changed.wait()
        self._composing += 1

    def composed(self, octets: int) -> None:
        self._composing -= 1
        self._ready += octets
        self._changed.set()

    def taken(self, octets: int) -> None:
        self._ready -= octets
        self._changed.set()


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
