"""What readers did and this process has not written down yet: what comes in during one write shares the next."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from warmpost.rules.events.reported_status import MOST_ACTS
from warmpost.rules.model.events import Event, EventKind, Target

MOST_WAITING = 20_000
"""Events kept in memory; while more wait, the database has been away for long and new ones are dropped."""

MOST_AT_ONCE = 1000
MOST_REMEMBERED = 20_000
"""Readers whose acts are counted: whoever loads one picture for ever is written down as often as it counts, no more."""

Act = tuple[Target, EventKind, bool]


class ReaderBuffer:
    """Of one process. writing: the task that empties it."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self._acts: OrderedDict[Act, int] = OrderedDict()
        self.writing: asyncio.Task[None] | None = None

    @property
    def is_writing(self) -> bool:
        return self.writing is not None and not self.writing.done()

    def add(self, event: Event) -> bool:
        """False where it is not kept: the same was done often enough, or too much waits."""
        act = event.target, event.kind, event.machine
        times = self._acts.pop(act, 0)
        self._acts[act] = times + 1
        if len(self._acts) > MOST_REMEMBERED:
            self._acts.popitem(last=False)
        if times >= MOST_ACTS or len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting.append(event)
        return True

    def take(self) -> list[Event]:
        return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
