"""Which events wait for which: what has consequences never waits for openings, and no index takes all of a moment.

Moments only grow, so an index by them is written at its end alone, which Firestore bears 500 times a second. With the queue
before the moment there are as many ends as queues.
"""

from __future__ import annotations

import zlib
from typing import Literal, get_args

from warmpost.rules.model.events import Event, EventKind

EventClass = Literal["consequences", "deliveries", "readers"]

SHARDS = 4
"""Queues of a class, told apart by the recipients: two ingests rarely meet at one document."""

RECIPIENTS_PER_CHUNK = 500

_CLASSES: dict[EventKind, EventClass] = {
    "bounced": "consequences",
    "complained": "consequences",
    "unsubscribed": "consequences",
    "resubscribed": "consequences",
    "opened": "readers",
    "clicked": "readers",
}

QUEUES: tuple[str, ...] = tuple(f"{one}-{shard}" for one in get_args(EventClass) for shard in range(SHARDS))

ALL = "all"
"""Names every queue in a task."""


def class_of(event: Event) -> EventClass:
    return _CLASSES.get(event.kind, "deliveries")


def part_of(event: Event) -> str:
    """Which document of recipients it is about, as far as that can be told without reading anything."""
    target = event.target
    if target.batch:
        return f"{target.batch}:{target.position // RECIPIENTS_PER_CHUNK}"
    return target.message or target.address


def queue_of(event: Event) -> str:
    return f"{class_of(event)}-{zlib.crc32(part_of(event).encode()) % SHARDS}"
