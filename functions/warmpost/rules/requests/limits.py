"""Limits a caller meets, in one place, with the sources of those that are not ours."""

from __future__ import annotations

import binascii
from collections.abc import Mapping

from warmpost.errors import Invalid, TooLarge
from warmpost.rules.message.content_types import is_invitation
from warmpost.rules.message.message import Attachment, Content
from warmpost.rules.model.names import has_controls

MOST_SEND_RECIPIENTS = 50
MOST_INLINE_RECIPIENTS = 50_000
MOST_MESSAGE = 10_000_000
"""Bytes of the encoded message; Tencent's batch limit (tencent-ses.md section 2)."""

MOST_SUBJECT = 998
"""RFC 5322 section 2.1.1."""

MOST_TAGS = 20
MOST_DATA = 100_000
MOST_RECIPIENT_DATA = 8_192
"""Bytes of one recipient's variables as JSON, by whichever door they come."""


def check_subject(subject: str) -> None:
    if has_controls(subject.replace("\t", " ")):
        raise Invalid("header_injection", "A subject has no line breaks or control characters.", "subject")
    if len(subject.encode()) > MOST_SUBJECT:
        raise Invalid("subject_too_long", f"A subject has {MOST_SUBJECT} bytes at most.", "subject")


def check_bodies(content: Content, rendered: bool) -> None:
    """Raises Invalid for what no mail can carry (RFC 5322 section 3.5). rendered: then its variables are to blame."""
    for field, text in (("html", content.html), ("text", content.text)):
        if text and "\0" in text:
            reason = f"The {field} would hold a NUL character, which mail cannot carry; leave it out."
            raise Invalid("invalid_content", reason, "data" if rendered else field)


def encoded_sizes(content: Content, attachments: tuple[Attachment, ...]) -> tuple[int, int]:
    """Bytes of bodies and of files after encoding, as near as they can be known before a message is made."""
    bodies = sum(_encoded(text) for text in (content.html, content.text) if text)
    files = sum((len(one.content) + 2) // 3 * 4 * 78 // 76 * (1 + is_invitation(one)) for one in attachments)
    return bodies, files


def check_size(content: Content, attachments: tuple[Attachment, ...]) -> None:
    """Raises TooLarge."""
    bodies, files = encoded_sizes(content, attachments)
    if bodies + files > MOST_MESSAGE:
        raise TooLarge(
            "message_too_large",
            f"The message would have {bodies + files:,} bytes after encoding; {MOST_MESSAGE:,} are allowed.",
            "attachments" if files > bodies else None,
        )


def _encoded(text: str) -> int:
    raw = text.encode(errors="surrogatepass")
    if len(raw) > MOST_MESSAGE:
        return len(raw)
    return min(len(binascii.b2a_qp(raw)), (len(raw) + 2) // 3 * 4 * 78 // 76)


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise Invalid("too_many_tags", f"{MOST_TAGS} tags are allowed.", "tags")
    for name, value in tags.items():
        if not 0 < len(name) <= 64 or len(value) > 256 or not name.isprintable() or not value.isprintable():
            raise Invalid(
                "invalid_tag",
                "A tag has 1 to 64 printable characters, its value up to 256.",
                f"tags.{name[:64]}",
            )
