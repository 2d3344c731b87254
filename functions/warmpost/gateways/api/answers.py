"""The shapes of answers, for the OpenAPI document: handlers write them, tests hold every answer to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from warmpost.gateways.api.costs import BatchCost, BatchWarmup
from warmpost.rules.delivery.documents import BatchStatus
from warmpost.rules.delivery.progress import OnUncertain
from warmpost.rules.schedules.schedules import Missed, RunStatus, State
from warmpost.rules.tracking.tracking import Track, Unsubscribe

T = TypeVar("T")
RecipientStatus = Literal[
    "held",
    "queued",
    "sending",
    "sent",
    "delivered",
    "deferred",
    "bounced",
    "complained",
    "suppressed",
    "failed",
    "uncertain",
    "cancelled",
]
Id = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]


class Answer(Struct, kw_only=True):
    pass


class Listed(Answer, Generic[T]):
    """next_cursor: what to ask for next as `cursor`, null on the last page."""

    items: list[T]
    next_cursor: str | None


class Fault(Answer, kw_only=True):
    """code: stable, for programs. message: for people; says what would be right. field: such as `recipients[3].to`."""

    code: str
    message: str
    field: str | UnsetType = UNSET


class Refusal(Answer):
    """request_id: names the request in the logs; also the header X-Request-Id."""

    error: Fault
    request_id: str


class AcceptedMessage(Answer):
    """scheduled_at: of one that goes out later."""

    id: str
    status: Literal["queued", "scheduled"]
    recipients: Count
    scheduled_at: datetime | UnsetType = UNSET


class Credential(Answer):
    """sender: the one address it may send from, null for any."""

    key_id: str
    sender: str | None


class Note(Answer, kw_only=True):
    """One thing that happened to a message, in the relay's words."""

    at: datetime
    status: RecipientStatus
    code: int | UnsetType = UNSET
    enhanced_code: str | UnsetType = UNSET
    text: str
    relay: str | None


class Line(Answer):
    """One recipient. position: in the batch or message, from 0. message_id: as its mail program shows it.

    opened, clicked, unsubscribed: facts beside the status.
    """

    to: str
    position: Count
    message_id: str
    status: RecipientStatus
    sent_at: datetime | None
    opened: bool
    clicked: bool
    unsubscribed: bool
    history: list[Note]


class Stall(Answer):
    """No relay takes mail: since when, and what they said last. It is tried again by itself."""

    since: datetime
    reason: str


class Message(Answer):
    """status: of all its recipients in one word, the worst of them; counts: of each. scheduled_at: of one that waits for
    its time. reason: why that could not be sent.
    """

    id: str
    status: RecipientStatus | Literal["scheduled"]
    counts: dict[RecipientStatus, Count]
    sender: str = field(name="from")
    subject: str
    template: Id | None
    tags: dict[str, str]
    created_at: datetime
    scheduled_at: datetime | None
    schedule: Id | None
    run: datetime | None
    on_uncertain: OnUncertain
    stalled: Stall | None
    reason: str | None
    recipients: list[Line]


class AcceptedBatch(Answer):
    id: Id
    status: BatchStatus
    recipients: Count
    duplicates: Count


class Counts(Answer):
    """Recipients by status; together they are all of the batch."""

    held: Count
    queued: Count
    sending: Count
    sent: Count
    delivered: Count
    deferred: Count
    bounced: Count
    complained: Count
    suppressed: Count
    failed: Count
    uncertain: Count
    cancelled: Count


class Batch(Answer):
    id: Id
    name: str
    status: BatchStatus
    counts: Counts
    recipients: Count
    duplicates: Count
    planned: Count
    sender: str = field(name="from")
    template: Id
    template_version: int
    list_: Id | None = field(name="list")
    schedule: Id | None
    run: datetime | None
    on_uncertain: OnUncertain
    tags: dict[str, str]
    reason: str | None
    paused_until: datetime | None
    stalled: Stall | None
    slowed: str | None
    cap: int | None
    warmup: BatchWarmup
    created_at: datetime
    finished_at: datetime | None
    cost: BatchCost


class Scheduled(Answer):
    id: Id
    state: State
    name: str
    next_run: datetime | None


class RunReason(Answer):
    code: str
    message: str
    field: str | None


class Run(Answer, kw_only=True):
    """first, runs: of several in a row that were let pass together, the earliest and how many."""

    run: datetime
    status: RunStatus
    at: datetime
    batch: Id | UnsetType = UNSET
    message: str | UnsetType = UNSET
    reason: RunReason | UnsetType = UNSET
    first: datetime | UnsetType = UNSET
    runs: int | UnsetType = UNSET


class RunCounts(Answer):
    submitted: Count
    failed: Count
    missed: Count
    skipped: Count


class Failing(Answer):
    """runs: in a row that could not be submitted, the last one for the reason; after five the schedule pauses itself."""

    runs: Count
    reason: str


class ScheduleRow(Answer):
    id: Id
    name: str
    kind: Literal["send", "batch"]
    state: State
    start_at: datetime
    timezone: str
    every: int | None
    rrule: str | None
    until: datetime | None
    count: int | None
    missed: Missed
    next_run: datetime | None
    last_run: datetime | None
    runs: Count
    counts: RunCounts
    created_at: datetime
    ended_at: datetime | None
    failing: Failing | None
    message: str | UnsetType = UNSET


class Attached(Answer):
    filename: str
    content_type: str | None
    content_id: str | None
    bytes: Count


class ScheduledOrder(Answer):
    sender: str = field(name="from")
    reply_to: list[str]
    subject: str | None
    template: Id | str | None
    data: dict[str, Any]
    headers: dict[str, str]
    tags: dict[str, str]
    on_uncertain: OnUncertain
    track: Track | None
    unsubscribe: Unsubscribe | None
    attachments: list[Attached]


class ScheduledMessage(ScheduledOrder):
    to: list[str]
    cc: list[str]
    bcc: list[str]
    html: str | None
    text: str | None


class ScheduledBatch(ScheduledOrder):
    """recipients: how many inline ones, null for a list."""

    name: str
    list_: Id | str | None = field(name="list")
    recipients: Count | None


class Schedule(ScheduleRow, kw_only=True):
    """send or batch: what it sends, as it was given. next_runs: the next ten."""

    template_version: int | None
    send: ScheduledMessage | UnsetType = UNSET
    batch: ScheduledBatch | UnsetType = UNSET
    recent_runs: list[Run]
    next_runs: list[datetime]


class Taken(Answer):
    """accepted: events. ignored: why a report says nothing of a message."""

    accepted: Count
    ignored: str | None
