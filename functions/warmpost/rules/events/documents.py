"""What the store keeps of events, and of what they say about recipients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EventLog:
    """`events/{id}`: what came in with one request, until and after it is ingested.

    queue: one of `event_queues.QUEUES`. content: deflated rows of `event_packing`. applied: how many of them are ingested.
    due: when it is to be ingested, in epoch seconds; None once it is. tries: how often it was put off.
    """

    queue: str

    source: str
    content: bytes
    count: int
    received_at: datetime
    expires_at: datetime
    due: float | None
    applied: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class ReportedStatusFields:
    """How a `ReportedStatus` is stored: in `batches/{id}/reported_status/{n}`, or in `messages/{id}/reported_status/all`.

    counts: by status, what they change of the worker's counts. booked: as in `Progress`.
    """

    content: bytes
    counts: dict[str, int]
    booked: str
