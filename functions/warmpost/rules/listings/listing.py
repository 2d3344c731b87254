"""Single messages and batches as they are listed, newest first, and the key that orders messages.

A key by time alone would let Firestore write one end of an index, 500 times a second at most. With one of SHARDS digits
before it there are as many ends, for 2,000 messages a second, and a page is merged from as many queries.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime

from warmpost.rules.delivery.documents import BatchStatus, ProgressFields
from warmpost.rules.events.event_queues import QUEUES
from warmpost.rules.model.usage import Usage

SHARDS = 4
_LAST = 10**16
"""Microseconds since 1970 in the year 2286: what is left until then grows smaller, so that the newest is first."""


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """The fields of a `Message` that a list shows."""

    domain: str
    sender: str
    subject: str
    recipients: bytes
    hashes: tuple[int, ...]
    created_at: datetime
    progress: ProgressFields
    template: str = ""
    schedule: str = ""
    run: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    raw_id: str = ""
    listed: str = ""


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """The fields of a `Batch` that a list shows."""

    name: str
    status: BatchStatus
    domain: str
    sender: str
    list_id: str
    total: int
    planned: int
    created_at: datetime
    released: int = 0
    duplicates: int = 0
    template: str = ""
    schedule: str = ""
    run: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    finished_at: datetime | None = None
    cost: Usage = Usage()
    counts: dict[str, int] = field(default_factory=dict)


def order_key(message_id: str, created_at: datetime) -> str:
    """Ascending keys of a shard are messages from the newest to the oldest."""
    return f"{zlib.crc32(message_id.encode()) % SHARDS}{age_key(created_at)}{message_id}"


def age_key(at: datetime) -> str:
    """The later, the smaller; of the same length always."""
    return f"{_LAST - round(at.timestamp() * 1_000_000):016d}"


def log_key(queue: str, at: datetime) -> str:
    """What the id of an event log begins with: its queue, as one character, and its age. Of a queue the newest is first."""
    return f"{QUEUES.index(queue):x}{age_key(at)}"


def without_shard(key: str) -> str:
    """By which messages of all shards are compared."""
    return key[1:]
