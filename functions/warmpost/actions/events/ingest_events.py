"""Ingest: applies logged events to recipients, figures, suppressions and notifications, each exactly once.

Everything that follows from a stretch of a log is written in the commit that moves the log's own mark, so a repeated
delivery, a crash or two ingests at once change nothing twice. What was reported is kept beside the worker's progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warmpost.actions.bounces.count_bounces import count_bounces
from warmpost.actions.context import Services
from warmpost.actions.events.apply_events import Applied, apply_events
from warmpost.actions.events.locate import place_events
from warmpost.actions.outbox.event_log import ask_for_ingest, log_writes
from warmpost.actions.outbox.notifications import queue_notifications
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.storage.log import log_event
from warmpost.actions.suppressions.manage_suppressions import suppress_all
from warmpost.actions.warmup.day_counters import ask_for_assessment, ensure_assessment
from warmpost.errors import Moved, Unavailable
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import unpack_events
from warmpost.rules.model.events import Event
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Stored, Update, Write, weigh

LOGS_PER_TASK = 20
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

CONSEQUENTIAL = ("bounced", "complained", "unsubscribed", "resubscribed")


@dataclass(frozen=True, slots=True)
class Step:
    """What one commit applies: events of a log up to `end`."""

    events: Sequence[Event]
    end: int
    outcome: Applied
    writes: Sequence[Write]
    tasks: Sequence[Task]

    @property
    def fits(self) -> bool:
        return len(self.writes) <= MOST_WRITES and sum(map(weigh, self.writes)) <= MOST_COMMIT_BYTES


async def ingest_events(services: Services) -> None:
    """Raises errors.Unavailable: the task comes again."""
    now = services.clock.timestamp()
    ends = now + services.policy.work_limit
    due = await services.store.find(
        EventLog, "events", ("due", "<=", now), order_by="due", limit=LOGS_PER_TASK
    )
    for one in due:
        if (
            services.clock.timestamp() > ends
            or services.worker_slots.is_closing
            or not await _ingest_safely(services, one)
        ):
            await ask_for_ingest(services)
    if len(due) == LOGS_PER_TASK:
        await ask_for_ingest(services)
        return
    later = await services.store.fields("events", ("due", ">", now), select=("due",), order_by="due", limit=1)
    for _, fields in later:
        await ask_for_ingest(services, fields["due"])


async def _ingest_safely(services: Services, stored: Stored[EventLog]) -> bool:
    """False where another task was at it. A log that cannot be applied is put off and reported; others do not wait."""
    try:
        await _ingest_log(services, stored)
    except Moved:
        return False
    except Unavailable:
        raise
    except Exception as failure:
        tries = stored.value.tries + 1
        words = f"the events of {stored.path} could not be ingested and are tried again later"
        log_event("ingest_failed", words, failed=failure, events=stored.value.count, tries=tries)
        due = services.clock.timestamp() + LONGEST_WAIT if tries < MOST_TRIES else None
        await services.store.commit(Update(stored.path, {"due": due, "tries": tries}))
    return True


async def _ingest_log(services: Services, stored: Stored[EventLog]) -> None:
    """A stretch at a time; each commit names the version of the log that it read."""
    events = unpack_events(stored.value.content)
    version = stored.version
    applied = stored.value.applied
    while applied < len(events):
        step = await _next_step(services, stored.value, events, applied)
        last = step.end == len(events)
        changes = {"applied": step.end} | ({"due": None} if last else {})
        version = await _commit(services, step, Update(stored.path, changes, version))
        applied = step.end


async def _next_step(services: Services, kept: EventLog, events: Sequence[Event], start: int) -> Step:
    """As many events as one commit can hold."""
    end = _stretch(events, start)
    while True:
        step = await _step(services, kept, events[start:end], end)
        if step.fits or end == start + 1:
            return step
        end = start + (end - start) // 2


def _stretch(events: Sequence[Event], start: int) -> int:
    touched: set[str] = set()
    writes = 0
    for end in range(start, min(start + EVENTS_PER_COMMIT, len(events))):
        target = events[end].target
        part = (
            f"{target.batch}:{target.position // 500}" if target.batch else target.message or target.address
        )
        writes += events[end].kind in CONSEQUENTIAL
        writes += 0 if part in touched else WRITES_PER_PLACE
        touched.add(part)
        if writes > WRITES_EXPECTED:
            return max(end, start + 1)
    return min(start + EVENTS_PER_COMMIT, len(events))


async def _step(services: Services, kept: EventLog, events: Sequence[Event], end: int) -> Step:
    placed = await place_events(services, events)
    applied = await gather_limited(apply_events(services, place, some) for place, some in placed.items())
    outcome = sum(applied, Applied())
    writes = [*outcome.writes, *await suppress_all(services, outcome.suppressions)]
    writes += count_bounces(outcome.refusals)
    if outcome.waiting and kept.tries < MOST_TRIES:
        wait = min(FIRST_WAIT * 2 ** min(kept.tries, 10), LONGEST_WAIT)
        writes += log_writes(services, kept.source, outcome.waiting, wait, kept.tries + 1)
    told = await queue_notifications(services, outcome.notification_events)
    return Step(events, end, outcome, [*writes, *told.writes], told.tasks)


async def _commit(services: Services, step: Step, mark: Update) -> Any:
    """The log's new version.

    Tasks are queued first: one without its notification is dropped, a notification without its task would wait for a day.
    """
    await services.tasks.enqueue(*step.tasks)
    for domain in sorted(step.outcome.domains):
        await ensure_assessment(services, domain)
    version, *_ = await services.store.commit(mark, *step.writes)
    for domain in sorted(step.outcome.domains):
        await ask_for_assessment(services, domain)
    return version
