"""Fold: applies logged events to recipients, figures, suppressions and notifications, each exactly once.

Everything that follows from a stretch of a log is written in the commit that moves the log's own mark, so a repeated
delivery, a crash or two folds at once change nothing twice. Reactions are kept beside the worker's progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warmpost.errors import Moved
from warmpost.rules.documents import EventLog
from warmpost.rules.event_packing import unpack_events
from warmpost.rules.events import Event
from warmpost.rules.writes import Stored, Update
from warmpost.sending.apply_events import Applied, apply_events
from warmpost.sending.booking import ask_for_assessment
from warmpost.sending.event_log import ask_for_fold, log_writes
from warmpost.sending.manage_suppressions import suppress_all
from warmpost.sending.places import place_events
from warmpost.sending.ports import Services
from warmpost.sending.queue_notifications import queue_notifications

LOGS_PER_TASK = 20
EVENTS_PER_COMMIT = 300
TARGETS_PER_COMMIT = 60
WAIT = 30.0
"""Seconds after which events are looked at again whose recipients the worker is not done with."""

MOST_TRIES = 200


@dataclass(frozen=True, slots=True)
class Slice:
    """Events that are applied in one commit; waiting ones are logged anew with it."""

    events: Sequence[Event]
    end: int


async def fold_events(services: Services) -> None:
    """Raises errors.Unavailable: the task comes again."""
    now = services.clock.timestamp()
    new = await services.store.find(EventLog, "events", ("state", "==", "new"), limit=LOGS_PER_TASK)
    waiting = await services.store.find(EventLog, "events", ("state", "==", "waiting"), limit=LOGS_PER_TASK)
    for log in [*new, *(one for one in waiting if one.value.not_before <= now)]:
        try:
            await _fold_log(services, log)
        except Moved:
            await ask_for_fold(services)
    if len(new) == LOGS_PER_TASK:
        await ask_for_fold(services)
    if waiting:
        await ask_for_fold(services, min(one.value.not_before for one in waiting))


async def _fold_log(services: Services, log: Stored[EventLog]) -> None:
    """A stretch at a time; each commit names the version of the log that it read."""
    events = unpack_events(log.value.content)
    version = log.version
    applied = log.value.applied
    while applied < len(events):
        stretch = _next_slice(events, applied)
        version = await _apply(services, log, version, stretch, stretch.end == len(events))
        applied = stretch.end


def _next_slice(events: Sequence[Event], start: int) -> Slice:
    """As many events as touch few enough documents for one commit."""
    touched: set[str] = set()
    end = start
    for event in events[start : start + EVENTS_PER_COMMIT]:
        target = event.target
        touched.add(
            f"{target.batch}:{target.position // 500 if target.batch else target.message or target.address}"
        )
        if len(touched) > TARGETS_PER_COMMIT:
            break
        end += 1
    return Slice(events[start:end], end)


async def _apply(
    services: Services, log: Stored[EventLog], version: object, stretch: Slice, last: bool
) -> object:
    outcome = Applied()
    for place, events in (await place_events(services, stretch.events)).items():
        outcome += await apply_events(services, place, events)
    writes = [*outcome.writes, *await suppress_all(services, outcome.suppressions)]
    waiting = outcome.waiting
    if waiting and log.value.tries < MOST_TRIES:
        again = services.clock.timestamp() + WAIT
        writes += log_writes(services, log.value.source, waiting, again, log.value.tries + 1)
    state = "folded" if last else log.value.state
    mark = Update(log.path, {"applied": stretch.end, "state": state}, version)
    told = await queue_notifications(services, outcome.occurrences)
    # Queued first: a task without its notification is dropped, a notification without its task would wait for a day.
    await services.tasks.enqueue(*told.tasks)
    versions = await services.store.commit(mark, *writes, *told.writes)
    for domain in sorted(outcome.domains):
        await ask_for_assessment(services, domain)
    if waiting:
        await ask_for_fold(services, services.clock.timestamp() + WAIT)
    return versions[0]
