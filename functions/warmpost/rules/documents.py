"""The documents of the store, as values: what each collection keeps and under which path.

Content that may be large or nested (letters, variables) is kept as one deflated bytes field, never as a map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from warmpost.rules.progress import OnUncertain
from warmpost.rules.relays import Relay
from warmpost.rules.tracking import Track

BatchStatus = Literal["planning", "sending", "paused", "done", "cancelled", "failed"]
IdentityTurn = Literal["records_broken", "records_restored", "suspended"]
Scope = Literal["send", "manage", "read"]
SuppressionReason = Literal["manual", "hard_bounce", "complaint", "unsubscribe"]


@dataclass(frozen=True, slots=True)
class DomainKey:
    selector: str
    algorithm: Literal["rsa-sha256", "ed25519-sha256"]
    public: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record a domain needs. found: what the last look-up saw. status: `missing`, `wrong`, `ok`.

    broken_since: of a verified domain, the first of the look-ups in a row that found it missing or wrong.
    """

    purpose: Literal["ownership", "dkim", "spf", "dmarc"]
    name: str
    type: str
    expected: str
    found: tuple[str, ...] = ()
    status: Literal["unchecked", "missing", "wrong", "ok"] = "unchecked"
    note: str = ""
    checked_at: datetime | None = None
    broken_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """`domains/{domain}`: a sender domain. pool: the relay pool it is bound to, empty for the shared one.

    addresses: how many sender addresses it has; counted in the commits that create and delete them. suspended_at: it
    sends nothing since then, for want of a DKIM record.
    """

    domain: str
    status: Literal["pending", "verified"]
    keys: tuple[DomainKey, ...]
    records: tuple[Record, ...]
    created_at: datetime
    verified_at: datetime | None = None
    checked_at: datetime | None = None
    suspended_at: datetime | None = None
    pool: str = ""
    addresses: int = 0


@dataclass(frozen=True, slots=True)
class PauseFields:
    """As `ledger.Pause`."""

    until: datetime
    began: datetime
    cap: int
    of: Literal["domain", "pool"]


@dataclass(frozen=True, slots=True)
class Warmth:
    """`warmth/{domain}`: how much a domain may send, and how much of it is taken; every release writes it.

    level, cap, warmup, rules: as `levels.Standing`; rules is a table in JSON, empty for the deployment's. day: the
    calendar day that `reserved` (all volume) and `released` (that of batches) are of. blocked_on: the day of a block.
    """

    level: int = 1
    cap: int | None = None
    warmup: bool = True
    rules: str = ""
    day: str = ""
    reserved: int = 0
    released: int = 0
    pause: PauseFields | None = None
    blocked_on: str = ""
    block_reason: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """`domains/{d}/history/{id}`: one decision. figures: as `Tally`, of the day it was taken on."""

    at: datetime
    kind: Literal["raised", "lowered", "blocked", "paused", "resumed", "kept", "set"] | IdentityTurn
    reason: str
    day: str
    rule: str = ""
    level_before: int | None = None
    level_after: int | None = None
    cap: int | None = None
    figures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoolDay:
    """`pools/{p}/days/{date}`: volume reserved through a pool that has a limit of its own."""

    reserved: int = 0


@dataclass(frozen=True, slots=True)
class SenderAddress:
    """`addresses/{address}`."""

    address: str
    name: str
    domain: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RelayPool:
    """`pools/{name}`. domains: how many are bound to it; counted in the commits that bind them.

    relay_cap: messages per relay and day, where the relays themselves are being warmed up.
    """

    name: str
    relays: tuple[Relay, ...]
    created_at: datetime | None = None
    domains: int = 0
    relay_cap: int | None = None


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
    """`keys/{id}`: digest is the SHA-256 of the secret, which nobody can show again."""

    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None


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
class Batch:
    """`batches/{id}`.

    letter: deflated JSON of everything the recipients share, empty where `parts` documents keep it. tracked: openings
    count. total: recipients asked for. planned, chunks: how many of them are snapshot, in how many chunks. released: how
    many have left the held queue, counted from the first; queued: for how many of those tasks exist. days: from which
    position on the recipients' volume was reserved on which day. generation: how often the tasks were made anew (resume,
    sweep). on_block: what becomes of the unsent when the domain is blocked for a day. schedule, run: of a series.
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
