"""What a message is made of before it becomes bytes: the parts all recipients share, and a recipient's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warmpost.rules.model.events import Target
from warmpost.rules.tencent.syntax import Syntax
from warmpost.rules.tracking.tracking import Track, Unsubscribe

Data = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with its display name (RFC 5322 `mailbox`). The domain is in A-labels."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """content_type: with its parameters, empty to be guessed from the file name. content_id: of a picture that the
    HTML shows as `cid:…` (RFC 2392), without angle brackets; empty for a file beside the text.
    """

    filename: str
    content: bytes
    content_type: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """Subject and bodies. templated: they are sources in `syntax`; otherwise literal text that is never interpreted."""

    subject: str
    html: str | None = None
    text: str | None = None
    templated: bool = False
    syntax: Syntax = "jinja"


@dataclass(frozen=True, slots=True)
class MessageContent:
    """Everything that is the same for all recipients of a batch chunk or of a single send.

    to, cc: the headers all recipients see; where both are empty, each recipient sees its own address alone.
    headers: further header fields. data: template variables that a recipient's own override. track, unsubscribe: what
    its messages tell of their readers, and how these can end them. raw: the whole message where the caller wrote it
    (see `rules.raw`); written_at is then the moment it was taken, in epoch seconds.
    """

    sender: Mailbox
    content: Content
    reply_to: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()
    data: Data = field(default_factory=dict)
    track: Track = Track()
    unsubscribe: Unsubscribe = Unsubscribe()
    raw: bytes = b""
    written_at: int = 0


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    data: Data = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """Variables a template cannot do without, and those it has a default for."""

    required: frozenset[str]
    optional: frozenset[str]


@dataclass(frozen=True, slots=True)
class Job:
    """One message to make. date: epoch seconds. headers: this recipient's own. target: names it in readers' links."""

    recipient: Recipient
    message_id: str
    mail_from: str
    date: float
    headers: tuple[tuple[str, str], ...] = ()
    target: Target = Target()


@dataclass(frozen=True, slots=True)
class Unrenderable:
    """Why a recipient's message cannot be made: that one fails, the others go on."""

    reason: str
