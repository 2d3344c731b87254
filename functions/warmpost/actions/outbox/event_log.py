"""The event log: whatever is reported is kept first, in few documents per request, and understood afterwards."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from warmpost.actions.context import Services
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import MOST_PACKED, pack_events
from warmpost.rules.events.event_queues import EventClass, class_of, queue_of
from warmpost.rules.events.reported_status import MOST_TEXT
from warmpost.rules.listings.listing import log_key
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.model.events import Event
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Create

LAST_MOMENT = 4e9
"""Epoch seconds, a century away."""
WINDOW = 1.0
"""Seconds of events that one ingest serves."""

INGEST_MARGIN = 1.0
"""Seconds by which the queue's clock may be ahead: an ingest that ran before an event was kept must not count for it."""

LogWrites = list[Create]


async def log_events(services: Services, source: str, events: Sequence[Event]) -> None:
    """Stored when it returns, in one commit however many they are; ingested within seconds. Raises errors.Unavailable."""
    writes = log_writes(services, source, events)
    if writes:
        await store_logs(services, writes, lambda: services.store.commit(*writes))


async def store_logs(services: Services, logs: LogWrites, commit: Callable[[], Awaitable[object]]) -> None:
    """commit: writes the logs, with whatever else.

    The ingest is queued first, and again if storing took long: nobody may end between the two and leave them lying.
    """
    queues = queues_in(logs)
    due = await ask_for_ingest(services, queues)
    await commit()
    if services.clock.timestamp() >= due - INGEST_MARGIN:
        await ask_for_ingest(services, queues)


def log_writes(
    services: Services, source: str, events: Sequence[Event], wait: float = 0.0, tries: int = 0
) -> LogWrites:
    """A document per class of events, or as many as the events need. wait: seconds before they are ingested.

    Events about the same recipients stand together, so that an ingest writes what it knows of them once.
    """
    classes: defaultdict[EventClass, list[Event]] = defaultdict(list)
    for event in sorted(map(_bounded, events), key=_target):
        classes[class_of(event)].append(event)
    return [write for some in classes.values() for write in _documents(services, source, some, wait, tries)]


def queues_in(writes: Iterable[Create]) -> Sequence[str]:
    """The queues of what `log_writes` made."""
    return sorted({one.value.queue for one in writes if isinstance(one.value, EventLog)})


def due_of(write: Create) -> float:
    return write.value.due or 0.0 if isinstance(write.value, EventLog) else 0.0


def _bounded(event: Event) -> Event:
    """Reports from outside hold any number and any text."""
    if len(event.text) <= MOST_TEXT and 0 <= event.at <= LAST_MOMENT:
        return event
    return replace(event, text=event.text[:MOST_TEXT], at=min(max(0.0, event.at), LAST_MOMENT))


def _target(event: Event) -> tuple[str, str, int, str]:
    target = event.target
    return target.batch, target.message, target.position, target.address


def _documents(
    services: Services, source: str, events: Sequence[Event], wait: float, tries: int
) -> LogWrites:
    packed = pack_events(events)
    if len(packed) > MOST_PACKED and len(events) > 1:
        half = len(events) // 2
        return [
            *_documents(services, source, events[:half], wait, tries),
            *_documents(services, source, events[half:], wait, tries),
        ]
    now, queue = services.clock.now(), queue_of(events[0])
    due, until = now.timestamp() + wait, now + timedelta(days=services.policy.retention.events)
    log = EventLog(queue, source, packed, len(events), now, until, due, tries=tries)
    return [Create(f"events/{log_key(queue, now)}{secrets.token_hex(6)}", log)]


async def ask_for_ingest(services: Services, queues: Iterable[str], at: float = 0.0) -> float:
    """One ingest for all events of a queue in the same second; when it is due. at: not before, epoch seconds."""
    now = services.clock.timestamp()
    window = int(max(now, at) // WINDOW) + 1
    due = services.clock.now() + timedelta(seconds=window * WINDOW + INGEST_MARGIN - now)
    tasks = [Task("ingest", {"queue": one}, task_name("ingest", one, window), due) for one in queues]
    await services.tasks.enqueue(*tasks)
    return due.timestamp()
