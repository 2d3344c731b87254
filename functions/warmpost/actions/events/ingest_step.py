"""One commit of an ingest: as many events as fit, with everything that follows from them and the marks of their logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from warmpost.actions.bounces.count_bounces import count_bounces
from warmpost.actions.context import Services
from warmpost.actions.events.apply_events import Applied, apply_events
from warmpost.actions.events.count_details import count_details
from warmpost.actions.events.locate import place_events
from warmpost.actions.outbox.event_log import LogWrites, log_writes
from warmpost.actions.outbox.notifications import queue_notifications
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.suppressions.manage_suppressions import suppress_all
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import unpack_events
from warmpost.rules.events.event_queues import class_of, part_of
from warmpost.rules.model.events import Event
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Stored, Update, Write, merge_counts, weigh

EVENTS_PER_COMMIT = 2000
WRITES_EXPECTED = 300
"""By which a stretch is cut before anything is read; what it really needs is known afterwards."""

WRITES_PER_PLACE = 3
MOST_WRITES = 490
MOST_COMMIT_BYTES = 3_500_000
"""Of one commit: the emulator takes 500 writes and 4 MiB."""

FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0
"""Seconds after which events are looked at again whose recipients the worker is not done with."""

MOST_TRIES = 180
"""About a week: longer than any worker tries to be rid of a message."""


@dataclass(slots=True)
class OpenLog:
    """A log while it is ingested: events are those left of it."""

    path: str
    source: str
    tries: int
    applied: int
    events: Sequence[Event]
    version: Any


def open_log(stored: Stored[EventLog]) -> OpenLog:
    """Raises whatever its content cannot be read for."""
    value = stored.value
    left = unpack_events(value.content)[value.applied :]
    return OpenLog(stored.path, value.source, value.tries, value.applied, left, stored.version)


@dataclass(slots=True)
class Backlog:
    """Logs of one source that share their commits, in order."""

    logs: list[OpenLog]

    @property
    def events(self) -> list[Event]:
        return [event for log in self.logs for event in log.events]

    def marks(self, count: int) -> list[Update]:
        """How far each log is once so many events are applied."""
        marks: list[Update] = []
        for log in self.logs:
            if count <= 0:
                break
            some = min(count, len(log.events))
            changes: dict[str, object] = {"applied": log.applied + some}
            if some == len(log.events):
                changes["due"] = None
            marks.append(Update(log.path, changes, log.version))
            count -= some
        return marks

    def advance(self, count: int, versions: Sequence[Any]) -> None:
        """versions: of the marks, as they are after their commit."""
        for log, version in zip(self.logs, versions, strict=False):
            some = min(count, len(log.events))
            log.applied, log.events, log.version = log.applied + some, log.events[some:], version
            count -= some
        self.logs = [log for log in self.logs if log.events]


@dataclass(frozen=True, slots=True)
class Step:
    """What one commit applies: the first `count` events of a backlog.

    put_off: logs of events whose recipients the worker is not done with. writes: what follows, those logs among it.
    """

    count: int
    outcome: Applied
    marks: Sequence[Update]
    writes: Sequence[Write]
    tasks: Sequence[Task]
    put_off: LogWrites

    @property
    def fits(self) -> bool:
        size = sum(map(weigh, self.writes))
        return len(self.marks) + len(self.writes) <= MOST_WRITES and size <= MOST_COMMIT_BYTES


async def next_step(services: Services, backlog: Backlog) -> Step:
    """As many events as one commit can hold."""
    events = backlog.events
    count = _stretch(backlog)
    while True:
        step = await _step(services, backlog, events[:count])
        if step.fits or count == 1:
            return step
        count //= 2


def _stretch(backlog: Backlog) -> int:
    touched: set[str] = set()
    writes = count = 0
    for log in backlog.logs:
        writes += 1
        for event in log.events:
            part = part_of(event)
            writes += class_of(event) == "consequences"
            writes += 0 if part in touched else WRITES_PER_PLACE
            touched.add(part)
            if count and (writes > WRITES_EXPECTED or count == EVENTS_PER_COMMIT):
                return count
            count += 1
    return count


async def _step(services: Services, backlog: Backlog, events: Sequence[Event]) -> Step:
    placed = await place_events(services, events)
    applied = await gather_limited(apply_events(services, place, some) for place, some in placed.items())
    outcome = sum(applied, Applied())
    writes = [*outcome.writes, *await suppress_all(services, outcome.suppressions)]
    writes += count_bounces(outcome.refusals)
    writes += count_details(outcome.notification_events, ZoneInfo(services.policy.time_zone))
    put_off = _put_off(services, backlog.logs[0], outcome.waiting)
    told = await queue_notifications(services, outcome.notification_events)
    writes = merge_counts([*writes, *put_off, *told.writes])
    return Step(len(events), outcome, backlog.marks(len(events)), writes, told.tasks, put_off)


def _put_off(services: Services, log: OpenLog, waiting: Sequence[Event]) -> LogWrites:
    if log.tries >= MOST_TRIES:
        return []
    wait = min(FIRST_WAIT * 2 ** min(log.tries, 10), LONGEST_WAIT)
    return log_writes(services, log.source, waiting, wait, log.tries + 1)
