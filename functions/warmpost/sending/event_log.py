"""The event log: whatever is reported is kept first, in one document per request, and understood afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from warmpost.rules.documents import EventLog
from warmpost.rules.event_packing import MOST_PACKED, pack_events
from warmpost.rules.events import Event
from warmpost.rules.identities import task_name
from warmpost.rules.tasks import Task
from warmpost.rules.writes import Create, Write
from warmpost.sending.ports import Services

KEEP = timedelta(days=30)
WINDOW = 1.0
"""Seconds of events that one fold serves."""


async def log_events(services: Services, source: str, events: Sequence[Event]) -> None:
    """Stored when it returns, in one commit however many they are; folded within seconds. Raises errors.Unavailable."""
    if not events:
        return
    await services.store.commit(*log_writes(services, source, events))
    await ask_for_fold(services)


def log_writes(
    services: Services, source: str, events: Sequence[Event], not_before: float = 0.0, tries: int = 0
) -> list[Write]:
    """One document, or as many as the events need."""
    now = services.clock.now()
    packed = pack_events(events)
    if len(packed) > MOST_PACKED:
        half = len(events) // 2
        return [
            *log_writes(services, source, events[:half], not_before, tries),
            *log_writes(services, source, events[half:], not_before, tries),
        ]
    state: Literal["new", "waiting"] = "waiting" if not_before else "new"
    log = EventLog(source, packed, len(events), now, now + KEEP, state, 0, not_before, tries)
    return [Create(f"events/{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}", log)]


async def ask_for_fold(services: Services, at: float = 0.0) -> None:
    """One fold for all events of the same second. at: not before, epoch seconds."""
    now = services.clock.timestamp()
    window = int(max(now, at) // WINDOW) + 1
    due = services.clock.now() + timedelta(seconds=window * WINDOW - now)
    await services.tasks.enqueue(Task("fold", {}, task_name("fold", window), due))
