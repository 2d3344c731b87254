"""What a caller asks for, as values: the same whether it came by HTTP or out of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from warmpost.rules.delivery.progress import OnUncertain
from warmpost.rules.message.message import Attachment
from warmpost.rules.requests.limits import MOST_SEND_RECIPIENTS
from warmpost.rules.tracking.tracking import Track, Unsubscribe


@dataclass(frozen=True, slots=True)
class SendOrder:
    """One message to up to `most_recipients`. Addresses are as the caller wrote them, `Name <local@domain>` included.

    Either subject with html or text, or template (id or name) with data. template_version: 0 for the newest.
    track: None for what the template says, or else nothing. unsubscribe: None for none. raw: a whole message in place of
    sender and content; `to` is then its envelope. is_test: marked as a test, and not counted in reputation.
    """

    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str | None = None
    html: str | None = None
    text: str | None = None
    template: str | None = None
    template_version: int = 0
    data: Mapping[str, object] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    on_uncertain: OnUncertain = "resend"
    track: Track | None = None
    unsubscribe: Unsubscribe | None = None
    raw: bytes = b""
    most_recipients: int = MOST_SEND_RECIPIENTS
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class RecipientOrder:
    to: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """One message per recipient of a list (id or name) or of `recipients`, from a template (id or name).

    template_version: 0 for the newest. track: None for what the template says, or else everything. unsubscribe: None
    for the header fields alone.
    """

    sender: str
    template: str
    template_version: int = 0
    name: str = ""
    reply_to: tuple[str, ...] = ()
    subject: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    list: str | None = None
    recipients: tuple[RecipientOrder, ...] | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    on_uncertain: OnUncertain = "hold"
    on_block: Literal["fail", "hold"] = "fail"
    track: Track | None = None
    unsubscribe: Unsubscribe | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, and under which idempotency key. digest: of everything the answer depends on.

    schedule, run: where a series asks for one of its runs, its id and the time the run is for.
    sender, domains: what alone whoever asks may send from, empty for any. message_id: what a message is to be called that
    was accepted before its time, empty for a new name.
    """

    key_id: str
    idempotency_key: str = ""
    digest: str = ""
    schedule: str = ""
    run: datetime | None = None
    sender: str = ""
    domains: tuple[str, ...] = ()
    message_id: str = ""
