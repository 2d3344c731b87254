"""The event log: whatever is reported is kept first, in one document per request, and understood afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from warmpost.actions.context import Services
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import MOST_PACKED, pack_events
from warmpost.rules.events.reported_status import MOST_TEXT
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.model.events import Event
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Create, Write

KEEP = timedelta(days=30)
LAST_MOMENT = 4e9
"""Epoch seconds, a century away."""
WINDOW = 1.0
"""Seconds of events that one ingest serves."""

INGEST_MARGIN = 1.0
"""Seconds by which the queue's clock may be ahead: an ingest that ran before an event was kept must not count for it."""


async def log_events(services: Services, source: str, events: Sequence[Event]) -> None:
    """Stored when it returns, in one commit however many they are; ingested within seconds. Raises errors.Unavailable.

    The ingest is queued first, and again if storing took long: nobody may end between the two and leave them lying.
    """
    if not events:
        return
    due = await ask_for_ingest(services)
    await services.store.commit(*log_writes(services, source, events))
    if services.clock.timestamp() >= due - INGEST_MARGIN:
        await ask_for_ingest(services)


def log_writes(
    services: Services, source: str, events: Sequence[Event], wait: float = 0.0, tries: int = 0
) -> list[Write]:
    """One document, or as many as the events need. wait: seconds before they are ingested.

    Events about the same recipients stand together, so that an ingest writes what it knows of them once.
    """
    return _documents(services, source, sorted(map(_bounded, events), key=_target), wait, tries)


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
) -> list[Write]:
    packed = pack_events(events)
    if len(packed) > MOST_PACKED and len(events) > 1:
        half = len(events) // 2
        return [
            *_documents(services, source, events[:half], wait, tries),
            *_documents(services, source, events[half:], wait, tries),
        ]
    now = services.clock.now()
    log = EventLog(source, packed, len(events), now, now + KEEP, now.timestamp() + wait, tries=tries)
    return [Create(f"events/{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}", log)]


async def ask_for_ingest(services: Services, at: float = 0.0) -> float:
    """One ingest for all events of the same second; when it is due. at: not before, epoch seconds."""
    now = services.clock.timestamp()
    window = int(max(now, at) // WINDOW) + 1
    due = services.clock.now() + timedelta(seconds=window * WINDOW + INGEST_MARGIN - now)
    await services.tasks.enqueue(Task("ingest", {}, task_name("ingest", window), due))
    return due.timestamp()
