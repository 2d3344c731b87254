"""The documents of the store, as values: what each collection keeps and under which path.

Content that may be large or nested (letters, variables) is kept as one deflated bytes field, never as a map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from warmpost.rules.delivery.progress import OnUncertain
from warmpost.rules.model.usage import Usage
from warmpost.rules.tracking.tracking import Track

BatchStatus = Literal["planning", "sending", "paused", "done", "cancelled", "failed"]
Scope = Literal["send", "manage", "read"]
SuppressionReason = Literal["manual", "hard_bounce", "complaint", "unsubscribe"]


@dataclass(frozen=True, slots=True)
class Template:
    """`templates/{id}`, and each of its states for ever at `templates/{id}/versions/{version}`.

    number: the id, as what templates are listed by. track: of messages whose order says nothing of it.
    """

    name: str
    subject: str
    html: str
    text: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    number: int = 0
    track: Track | None = None


@dataclass(frozen=True, slots=True)
class RecipientList:
    """`lists/{id}`; its recipients are `lists/{id}/pages/{n}`, of which the first `pages` count.

    variables: columns that every recipient has. busy_until: an import is under way until then at the latest.
    number: the id, as what lists are listed by.
    """

    name: str
    count: int
    pages: int
    variables: tuple[str, ...]
    created_at: datetime
    busy_until: datetime | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """`names/{kind}:{hash}`: makes a name unique and finds its owner in one read."""

    id: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`keys/{id}`: digest is the SHA-256 of the secret, which nobody can show again.

    rate: requests a second in one process, None for the deployment's.
    """

    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """`suppressions/{hash}`: an address that must not be mailed. hash: `chunks.address_hash`.

    scope: the sender domain it holds for, empty for the whole deployment. expires_at: None for ever. lifted: it holds no
    more, since lifted_at. changed_at: stamped with every change, so that workers which remember the list find what is new.
    """

    address: str
    hash: int
    reason: SuppressionReason
    since: datetime
    note: str = ""
    scope: str = ""
    expires_at: datetime | None = None
    lifted: bool = False
    lifted_at: datetime | None = None
    lifted_note: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuppressionPage:
    """`suppression_pages/{version}-{n}`: see `suppression_pages`."""

    content: bytes


@dataclass(frozen=True, slots=True)
class SuppressionIndex:
    """`suppression_pages/head`: which pages hold all suppressions as they were changed up to that moment."""

    version: str
    pages: int
    upto: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """`batches/{id}`.

    letter: deflated JSON of everything the recipients share, empty where `parts` documents keep it. tracked: openings
    count. total: recipients asked for. planned, chunks: how many of them are snapshot, in how many chunks. released: how
    many have left the held queue, counted from the first; queued: for how many of those tasks exist. days: from which
    position on the recipients' volume was reserved on which day. generation: how often the tasks were made anew (resume,
    sweep). on_block: what becomes of the unsent when the domain is blocked for a day. schedule, run: of a series. cost:
    what it used up until its recipients were on their way, and at its end; the rest is in its figures.
    """

    name: str
    status: BatchStatus
    domain: str
    sender: str
    letter: bytes
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


@dataclass(frozen=True, slots=True)
class EventLog:
    """`events/{id}`: what came in with one request, until and after it is folded.

    content: deflated rows of `event_packing`. applied: how many of them are folded. due: when it is to be folded, in
    epoch seconds; None once it is. tries: how often it was put off.
    """

    source: str
    content: bytes
    count: int
    received_at: datetime
    expires_at: datetime
    due: float | None
    applied: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class ReactionFields:
    """How `Reactions` are stored: in `batches/{id}/reactions/{n}`, or in `messages/{id}/reactions/all`.

    counts: by status, what they change of the worker's counts. booked: as in `Progress`.
    """

    content: bytes
    counts: dict[str, int]
    booked: str


@dataclass(frozen=True, slots=True)
class Idempotency:
    """`idempotency/{hash}`: what a key was used for. digest: of the request body."""

    digest: str
    answer: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ProgressFields:
    """How `Progress` is stored: in `batches/{id}/progress/{n}`, or as part of a message.

    seq: counts the writes; owner and seq tell a worker its own write from another's.
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
    """`messages/{id}`: a single send: letter as in Batch, recipients as in Chunk, progress as beside a chunk."""

    domain: str
    sender: str
    subject: str
    letter: bytes
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


@dataclass(frozen=True, slots=True)
class Part:
    """`…/parts/{n}`: a slice of content too large for its document."""

    content: bytes
