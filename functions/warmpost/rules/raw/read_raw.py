"""A whole message that somebody else wrote (RFC 5322): refused, repaired, or taken as it is.

Its body stays octet for octet what it was. Out go Bcc and Return-Path, which are the envelope's, and what it says to
Warmpost alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from warmpost.errors import Invalid, TooLarge
from warmpost.rules.message.headers import LONGEST_SUBJECT
from warmpost.rules.message.message import Mailbox
from warmpost.rules.model.addresses import Flaw
from warmpost.rules.raw.entities import Entity, TooManyParts, read_entity
from warmpost.rules.raw.fields import BrokenHeader, Field, among, read_fields, split_entity
from warmpost.rules.raw.from_field import read_from, shown_words
from warmpost.rules.raw.options import PREFIX, RawOptions, read_options
from warmpost.rules.raw.repair import is_carried, repair
from warmpost.rules.requests.limits import MOST_MESSAGE

MOST_RECEIVED = 50
MOST_FIELDS = 1000
MOST_HEADER = 256 * 1024

_ONCE = (b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version")
_OF_THE_ENVELOPE = (b"bcc", b"resent-bcc", b"return-path")


@dataclass(frozen=True, slots=True)
class RawMessage:
    """content: what goes out, but for what is missing and the signature. message_id: without brackets, or empty."""

    content: bytes
    sender: Mailbox
    subject: str
    message_id: str
    options: RawOptions


def read_raw(content: bytes) -> RawMessage:
    """Raises Invalid or TooLarge with what is wrong and what would be right."""
    if len(content) > MOST_MESSAGE:
        raise TooLarge(
            "message_too_large",
            f"The message has {len(content):,} bytes; {MOST_MESSAGE:,} are allowed.",
            "raw",
        )
    check_octets(content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    fields = _fields(content)
    sender = _sender(fields)
    subject = "".join(one.text for one in among(fields, b"subject"))
    kept = tuple(
        one for one in fields if one.low_name not in _OF_THE_ENVELOPE and not one.low_name.startswith(PREFIX)
    )
    return RawMessage(
        content=_repaired(content, kept),
        sender=sender,
        subject=shown_words(subject)[:LONGEST_SUBJECT],
        message_id=_message_id(fields),
        options=read_options(fields),
    )


def check_octets(content: bytes) -> None:
    """Raises Invalid for what a line-oriented protocol cannot carry, or what two readers would read differently."""
    if b"\0" in content:
        raise Invalid("bare_control", "The message holds a NUL octet; encode that part as base64.", "raw")
    pairs = content.count(b"\r\n")
    if content.count(b"\n") != pairs or content.count(b"\r") != pairs:
        raise Invalid(
            "bare_control",
            "The message holds a bare CR or LF; every line ends with CRLF (in Python: "
            "message.as_bytes(policy=email.policy.SMTP)).",
            "raw",
        )


def _fields(content: bytes) -> tuple[Field, ...]:
    header, _, _ = split_entity(content)
    if len(header) > MOST_HEADER:
        raise Invalid("broken_header", f"The header has more than {MOST_HEADER:,} bytes.", "raw")
    try:
        fields = read_fields(header)
    except BrokenHeader as error:
        raise Invalid("broken_header", f"{str(error).capitalize()}.", "raw") from None
    if len(fields) > MOST_FIELDS:
        raise Invalid("broken_header", f"The header has more than {MOST_FIELDS:,} fields.", "raw")
    if len(among(fields, b"received")) > MOST_RECEIVED:
        raise Invalid(
            "mail_loop",
            f"The message has more than {MOST_RECEIVED} Received fields: it goes in a circle.",
            "raw",
        )
    for name in _ONCE[1:]:
        if len(among(fields, name)) > 1:
            shown = name.decode().title().replace("Id", "ID").replace("Mime", "MIME")
            raise Invalid("broken_header", f"The header has {shown} more than once (RFC 5322, 3.6).", "raw")
    return fields


def _sender(fields: Sequence[Field]) -> Mailbox:
    found = among(fields, b"from")
    if not found:
        raise Invalid("missing_from", "The message has no From; it needs one, with one address.", "raw")
    if len(found) > 1:
        raise Invalid("invalid_from", "The message has several From fields; one is allowed.", "raw")
    sender = read_from(found[0].text)
    if isinstance(sender, Flaw):
        raise Invalid(
            "invalid_from",
            f"The From {found[0].text[:200]!r} {_verb(sender.reason)}; it holds exactly one address.",
            "raw",
        )
    return sender


def _verb(reason: str) -> str:
    return reason if reason.startswith(("names", "goes", "is")) else f"has an address that {reason}"


def _message_id(fields: Sequence[Field]) -> str:
    found = among(fields, b"message-id")
    value = found[0].text.strip() if found else ""
    return value.removeprefix("<").removesuffix(">")[:LONGEST_SUBJECT]


def _repaired(content: bytes, kept: Sequence[Field]) -> bytes:
    header, gap, body = split_entity(content)
    header = b"".join([one.octets for one in kept])
    if is_carried(content):
        return b"".join((header, gap or b"\r\n", body))
    try:
        whole: Entity = read_entity(content)
    except (TooManyParts, RecursionError) as error:
        raise Invalid("invalid_content", f"{str(error).capitalize()}.", "raw") from None
    return repair(replace(whole, fields=tuple(kept), gap=gap or b"\r\n")).octets
