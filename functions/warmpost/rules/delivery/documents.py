"""What the store keeps of batches, single sends and how far they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from warmpost.rules.delivery.progress import OnUncertain
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.model.usage import Usage


class BatchStatus(StrEnum):
    """How far a batch is. planning: its list is still being copied."""

    PLANNING = "planning"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_running(self) -> bool:
        return self in (BatchStatus.PLANNING, BatchStatus.SENDING)

    @property
    def has_ended(self) -> bool:
        return self in (BatchStatus.DONE, BatchStatus.CANCELLED, BatchStatus.FAILED)

    @property
    def unsent_become(self) -> Status | None:
        """What becomes of those who were not handed over when it ended before its time; None where it did not."""
        return {BatchStatus.CANCELLED: Status.CANCELLED, BatchStatus.FAILED: Status.FAILED}.get(self)


KeptOfBatch = Literal["all", "recipients", "figures"]

RUNNING = tuple(one for one in BatchStatus if one.is_running)


@dataclass(frozen=True, slots=True)
class Batch:
    """`batches/{id}`.

    message_content: deflated JSON of what all recipients share, empty where `parts` documents keep it. tracked: openings
    count. total: recipients asked for. planned, chunks: how many of them are snapshot, in how many chunks. released: how
    many have left the held queue, counted from the first; queued: for how many of those tasks exist. days: from which
    position on the recipients' volume was reserved on which day. generation: how often the tasks were made anew (resume,
    sweep). on_block: what becomes of the unsent when the domain is blocked for a day. schedule, run: of a series. cost:
    what it used up until its recipients were on their way, and at its end; the rest is in its figures. kept: what retention
    has left of it; counts: of its recipients by status, once those themselves are gone.
    """

    name: str
    status: BatchStatus
    domain: str
    sender: str
    message_content: bytes
    parts: int
    list_id: str
    list_pages: int
    total: int
    planned: int
    chunks: int
    created_at: datetime
    key_id: str
    on_uncertain: OnUncertain = "hold"
    on_block: Literal["fail", "hold"] = "fail"
    released: int = 0
    queued: int = 0
    generation: int = 0
    duplicates: int = 0
    template: str = ""
    template_version: int = 0
    schedule: str = ""
    run: datetime | None = None
    tracked: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    days: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    finished_at: datetime | None = None
    cost: Usage = Usage()
    kept: KeptOfBatch = "all"
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProgressFields:
    """How `Progress` is stored: in `batches/{id}/progress/{n}`, or as part of a message.

    seq: counts the writes; owner and seq tell a worker its own write from another's. finished: every recipient has come
    to an end, and what follows of that is written: figures and events.
    """

    results: str
    details: bytes
    counts: dict[str, int]
    owner: str
    lease_until: float
    round: int
    retry_at: float
    stalled_since: float
    finished: bool
    seq: int
    stalled_reason: str = ""
    slowed: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """`messages/{id}`: a single send: message content as in Batch, recipients as in Chunk, progress as beside a chunk.

    raw_id: the Message-ID that a message which came whole brought along, without brackets. listed: `listing.order_key`.
    is_test: of a template, counted in the day's volume but not in the domain's reputation.
    """

    domain: str
    sender: str
    subject: str
    message_content: bytes
    parts: int
    recipients: bytes
    hashes: tuple[int, ...]
    digest: str
    created_at: datetime
    key_id: str
    progress: ProgressFields
    on_uncertain: OnUncertain = "resend"
    day: str = ""
    generation: int = 0
    template: str = ""
    template_version: int = 0
    schedule: str = ""
    run: datetime | None = None
    tracked: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    raw_id: str = ""
    listed: str = ""
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """`…/parts/{n}`: a slice of content too large for its document."""

    content: bytes
