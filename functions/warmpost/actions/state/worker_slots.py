"""One worker process: which chunks and messages it is at, and whose turn it is.

Only TURNS chunks at a time may have messages claimed in a process, so a crash leaves a claim batch of each in doubt and no
more: while one waits for the database, the other sends. Those behind them are read and composed meanwhile, so that the
processors never wait for either. Single sends claim one message each and need no turn: a password reset never waits for
a newsletter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

COMPOSED_AT_ONCE = 2
"""Claim batches: no thread waits while another one finishes the last group of one."""

MOST_PREFETCHED = 16_000_000
"""Octets that wait to be sent, beyond which nothing more is composed ahead."""


class PrefetchRoom:
    """For what a process has composed and not sent yet. composing: held while a claim batch is being composed."""

    def __init__(self) -> None:
        self.composing = asyncio.Semaphore(COMPOSED_AT_ONCE)
        self._octets = 0

    @property
    def has_space(self) -> bool:
        return self._octets < MOST_PREFETCHED

    @property
    def is_empty(self) -> bool:
        return self._octets == 0 and not self.composing.locked()

    def enter(self, octets: int) -> None:
        self._octets += octets

    def leave(self, octets: int) -> None:
        self._octets -= octets


MOST_NOTED = 1000

TURNS = 2


class WorkerSlots:
    """probes: the chain of probes that this process has seen queued, by pool. probed: when it asked, epoch seconds."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, Hashable], asyncio.Future[bool]] = {}
        self._paths: dict[str, asyncio.Lock] = {}
        self._turns = asyncio.Semaphore(TURNS)
        self._slow = asyncio.Lock()
        self.prefetch_room = PrefetchRoom()
        self.queued: dict[tuple[str, int], int] = {}
        self.probes: dict[str, str] = {}
        self.probed: dict[str, float] = {}
        self._asleep: set[tuple[str, int]] = set()
        self.is_closing = False

    def close(self) -> None:
        """The platform ends this process within seconds: what is in the air is finished, nothing new is begun."""
        self.is_closing = True

    def note_queued(self, batch: tuple[str, int], position: int) -> None:
        """Up to where this process has queued a batch's tasks, by batch and generation."""
        if len(self.queued) >= MOST_NOTED:
            self.queued.clear()
        self.queued[batch] = position

    def note_asleep(self, batch: tuple[str, int]) -> None:
        """No relay takes its mail, and its tasks, by batch and generation, are made anew once one does."""
        if len(self._asleep) >= MOST_NOTED:
            self._asleep.clear()
        self._asleep.add(batch)

    def is_asleep(self, batch: tuple[str, int]) -> bool:
        return batch in self._asleep

    @asynccontextmanager
    async def hold(self, path: str, job: Hashable) -> AsyncIterator[bool]:
        """Waits for other delivery jobs at the same chunk.

        False for the very same one, a task that was delivered twice, once the first has succeeded. It must not be told
        sooner: the queue takes the answer for the task's, and nobody would come back should this process end meanwhile.
        """
        while (first := self._held.get((path, job))) is not None:
            if await asyncio.shield(first):
                yield False
                return
        done = self._held[path, job] = asyncio.get_running_loop().create_future()
        lock = self._paths.setdefault(path, asyncio.Lock())
        try:
            async with lock:
                yield True
            done.set_result(True)
        finally:
            if not done.done():
                done.set_result(False)
            del self._held[path, job]
            if not any(held == path for held, _ in self._held):
                self._paths.pop(path, None)

    @asynccontextmanager
    async def slow_turn(self) -> AsyncIterator[bool]:
        """For serving slow providers, which holds up nobody else; False at once where another chunk has it."""
        if self._slow.locked():
            yield False
            return
        async with self._slow:
            yield True

    @asynccontextmanager
    async def turn(self, shared: bool = False) -> AsyncIterator[None]:
        if shared:
            yield
            return
        async with self._turns:
            yield
