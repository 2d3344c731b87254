"""What readers did and this process has not written down yet: what comes in during one write shares the next."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from warmpost.rules.events.reported_status import MOST_ACTS
from warmpost.rules.model.events import Event, EventKind, Target

MOST_WAITING = 20_000
"""Events kept in memory; while more wait, the database has been away for long and new ones are dropped."""

MOST_AT_ONCE = 1000
MOST_REMEMBERED = 20_000
"""Readers whose acts are counted: whoever loads one picture for ever is written down as often as it counts, no more."""

Act = tuple[Target, EventKind, bool]


@dataclass(frozen=True, slots=True)
class Shared:
    """What one write takes along. written: set once it is stored, or given up."""

    events: list[Event] = field(default_factory=list)
    written: asyncio.Event = field(default_factory=asyncio.Event)


class ReaderBuffer:
    """Of one process. writing: the task that empties it."""

    def __init__(self) -> None:
        self._waiting: deque[Shared] = deque()
        self._acts: OrderedDict[Act, int] = OrderedDict()
        self.writing: asyncio.Task[None] | None = None

    @property
    def is_writing(self) -> bool:
        return self.writing is not None and not self.writing.done()

    def add(self, event: Event) -> asyncio.Event | None:
        """When it is written; None where it is not kept: the same was done often enough, or too much waits."""
        if self._is_enough(event):
            return None
        if not self._waiting or len(self._waiting[-1].events) >= MOST_AT_ONCE:
            if len(self._waiting) >= MOST_WAITING // MOST_AT_ONCE:
                return None
            self._waiting.append(Shared())
        self._waiting[-1].events.append(event)
        return self._waiting[-1].written

    def _is_enough(self, event: Event) -> bool:
        act = event.target, event.kind, event.machine
        times = self._acts.pop(act, 0)
        self._acts[act] = times + 1
        if len(self._acts) > MOST_REMEMBERED:
            self._acts.popitem(last=False)
        return times >= MOST_ACTS

    def take(self) -> Shared | None:
        return self._waiting.popleft() if self._waiting else None
