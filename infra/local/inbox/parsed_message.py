"""A message taken apart for people to read. Whatever it contains, reading it never fails: hostile mail is mail too."""

from __future__ import annotations

import base64
import email
import email.header
import email.message
import email.utils
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_CID = re.compile(r"""cid:([^"'()<>\s]+)""", re.IGNORECASE)
_INLINE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Attachment:
    filename: str
    content_type: str
    content_id: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """headers: as written, in order, decoded. text, html: the bodies a mail program would show; None where missing."""

    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def parse_message(wire: bytes) -> ParsedMessage:
    message = email.message_from_bytes(wire)
    text: str | None = None
    html: str | None = None
    attachments: list[Attachment] = []
    for part in _leaves(message):
        is_body = not part.get_filename() and part.get_content_disposition() != "attachment"
        if is_body and text is None and part.get_content_type() == "text/plain":
            text = _text(part)
        elif is_body and html is None and part.get_content_type() == "text/html":
            html = _text(part)
        elif part is not message or not is_body:
            attachments.append(_attachment(part, len(attachments) + 1))
    headers = tuple((name, decoded(str(value))) for name, value in message.items())
    return ParsedMessage(headers, text, html, tuple(attachments))


def html_for_reading(message: ParsedMessage) -> str:
    """The HTML body with its own images (cid:) put in place, so that it needs nothing from anywhere."""
    images = {part.content_id: part for part in message.attachments if part.content_type in _INLINE_TYPES}

    def put_in_place(match: re.Match[str]) -> str:
        image = images.get(match[1])
        if image is None:
            return match[0]
        return f"data:{image.content_type};base64,{base64.b64encode(image.content).decode()}"

    return _CID.sub(put_in_place, message.html or "")


def decoded(value: str) -> str:
    """A header's value as people read it: unfolded, encoded words (RFC 2047) decoded, damage shown as it is."""
    value = re.sub(r"\r?\n[ \t]+", " ", value).strip()
    try:
        if "=?" in value:
            value = str(email.header.make_header(email.header.decode_header(value))) or value
    except (ValueError, LookupError, email.errors.MessageError):
        pass
    return value.encode(errors="surrogateescape").decode(errors="replace")


def header_date(value: str) -> datetime | None:
    """A Date header as an instant; None where it cannot be read."""
    try:
        date = email.utils.parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _leaves(message: email.message.Message) -> list[email.message.Message]:
    """The parts that have content of their own; a forwarded message counts as one part."""
    if message.get_content_maintype() != "multipart" or not isinstance(message.get_payload(), list):
        return [message]
    return [leaf for part in message.get_payload() for leaf in _leaves(part)]  # type: ignore[arg-type]


def _content(part: email.message.Message) -> bytes:
    if part.get_content_maintype() == "message" and isinstance(part.get_payload(), list):
        return b"".join(inner.as_bytes() for inner in part.get_payload())  # type: ignore[union-attr]
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: email.message.Message) -> str:
    content = _content(part)
    for charset in (part.get_content_charset("utf-8"), "utf-8"):
        try:
            return content.decode(charset)
        except (LookupError, ValueError):
            continue
    return content.decode("utf-8", errors="replace")


def _attachment(part: email.message.Message, number: int) -> Attachment:
    content_type = part.get_content_type()
    extension = ".eml" if content_type == "message/rfc822" else ""
    return Attachment(
        filename=decoded(part.get_filename() or "") or f"part-{number}{extension}",
        content_type=content_type,
        content_id=str(part.get("Content-ID", "")).strip().strip("<>"),
        content=_content(part),
    )
