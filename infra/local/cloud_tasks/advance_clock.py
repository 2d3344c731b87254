"""Moves the shared clock forward and lets everything happen that falls due on the way, in order of its time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.local.clock import MovableClock

# Below this, waiting for a rate limit is cheaper than stepping the clock, and keeps deliveries concurrent.
_RATE_PATIENCE = 0.1


class Work(Protocol):
    """Something that acts at moments of the shared clock. Moments are seconds since 1970."""

    ran: int

    def next_due(self) -> float | None: ...
    def next_admitted(self, now: float) -> float | None: ...
    def running(self) -> list[str]: ...
    def waiting(self, now: float) -> int: ...
    def elapse(self, jumped: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """How far a journey came. running: names of what still runs; waiting: how much is due and not begun."""

    now: float
    offset: float
    ran: int
    running: list[str]
    waiting: int
    finished: bool


class Traveller:
    """Steps from one due moment to the next, and to each only after all work of the one before is done."""

    def __init__(self, clock: MovableClock, work: Sequence[Work], changed: asyncio.Event) -> None:
        self._clock = clock
        self._work = work
        self._changed = changed
        self._one_at_a_time = asyncio.Lock()

    async def advance(self, to: float, time_limit: float) -> Arrival:
        """Move the clock to `to` and finish what is due until then, in at most `time_limit` real seconds."""
        async with self._one_at_a_time:
            ran_before = self._ran()
            try:
                async with asyncio.timeout(time_limit):
                    while not self._arrived(to):
                        await self._step(to)
                finished = True
            except TimeoutError:
                finished = False
            now = self._clock.timestamp()
            return Arrival(
                now=now,
                offset=self._clock.offset,
                ran=self._ran() - ran_before,
                running=self._running(),
                waiting=sum(work.waiting(now) for work in self._work),
                finished=finished,
            )

    def _ran(self) -> int:
        return sum(work.ran for work in self._work)

    def _running(self) -> list[str]:
        return [name for work in self._work for name in work.running()]

    def _next_due(self) -> float | None:
        dues = (work.next_due() for work in self._work)
        return min((due for due in dues if due is not None), default=None)

    def _arrived(self, to: float) -> bool:
        now, due = self._clock.timestamp(), self._next_due()
        return now >= to and (due is None or due > now) and not self._running()

    async def _step(self, to: float) -> None:
        self._changed.clear()
        now = self._clock.timestamp()
        stop = self._next_stop(now, to)
        if stop is None:
            await self._changed.wait()
            return
        self._clock.offset += max(0.0, stop - now)
        for work in self._work:
            work.elapse(stop - now)
        await asyncio.sleep(0)

    def _next_stop(self, now: float, to: float) -> float | None:
        """The moment to move to; None while work is running or about to."""
        if self._running():
            return None
        due = self._next_due()
        if due is None or due > now:
            return min(due or to, to)
        admissions = (work.next_admitted(now) for work in self._work)
        admitted = min((moment for moment in admissions if moment is not None), default=now)
        if now < to and admitted - now >= _RATE_PATIENCE:
            return min(admitted, to)
        return None
