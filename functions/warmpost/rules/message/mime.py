"""The structure of a message body (RFC 2046): alternative texts, attachments, and the lines between them.

Boundaries are constant: `=_` can appear neither in quoted-printable nor in base64, and every part is one of the two.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from warmpost.rules.message.message import Attachment
from warmpost.rules.message.quoted_printable import encode_base64

Encoding = Literal["quoted-printable", "base64"]
Fields = tuple[tuple[bytes, bytes], ...]

_ALTERNATIVE = b"=_alternative_"
_MIXED = b"=_mixed_"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text body's kind; its octets come later, for each message."""

    subtype: Literal["plain", "html"]
    encoding: Encoding

    @property
    def fields(self) -> Fields:
        return (
            (b"Content-Type", b"text/%b; charset=utf-8" % self.subtype.encode()),
            (b"Content-Transfer-Encoding", self.encoding.encode()),
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything of a body that is the same for all messages of a message.

    fields: the header fields that describe the body. around: the lines before, between and after the texts
    (one more than texts). attachments: what follows them, encoded and shared by all messages, or empty.
    """

    fields: Fields
    around: tuple[bytes, ...]
    attachments: bytes


def frame_of(texts: Sequence[TextPart], attachments: Sequence[Attachment]) -> Frame:
    """texts: one, or plain before html (RFC 2046 section 5.1.4: the last is the best)."""
    if len(texts) == 1:
        fields, around = texts[0].fields, [b"", b""]
    else:
        fields = ((b"Content-Type", b'multipart/alternative; boundary="%b"' % _ALTERNATIVE),)
        around = [b"--%b\r\n%b" % (_ALTERNATIVE, _head(text.fields)) for text in texts]
        around[1:] = [b"\r\n" + line for line in around[1:]]
        around.append(b"\r\n--%b--" % _ALTERNATIVE)
    if not attachments:
        return Frame(fields, (*around[:-1], around[-1] + b"\r\n"), b"")
    around[0] = b"--%b\r\n%b%b" % (_MIXED, _head(fields), around[0])
    parts = b"".join(b"\r\n--%b\r\n%b" % (_MIXED, _attached(attachment)) for attachment in attachments)
    return Frame(
        ((b"Content-Type", b'multipart/mixed; boundary="%b"' % _MIXED),),
        tuple(around),
        b"%b\r\n--%b--\r\n" % (parts, _MIXED),
    )


def content_type_of(attachment: Attachment) -> str:
    """As given, or guessed from the name; octets where base64 would not be allowed (RFC 2046 section 5.2)."""
    guessed = attachment.content_type or mimetypes.guess_type(attachment.filename)[0] or ""
    if not guessed or guessed.lower().startswith(("message/", "multipart/")):
        return "application/octet-stream"
    return guessed


def filename_parameters(filename: str) -> bytes:
    """`filename` as a quoted string for ASCII; otherwise RFC 2231 segments, which every current reader knows."""
    if filename.isascii():
        escaped = filename.replace("\\", "\\\\").replace('"', '\\"')
        return b';\r\n filename="%b"' % escaped.encode()
    encoded = quote(filename, safe="!#$&+-.^_`|~")
    segments: list[str] = []
    while encoded:
        cut = min(55, len(encoded))
        while cut < len(encoded) and "%" in encoded[cut - 2 : cut]:
            cut -= 1
        segments.append(encoded[:cut])
        encoded = encoded[cut:]
    if len(segments) == 1:
        return b";\r\n filename*=utf-8''%b" % segments[0].encode()
    return b"".join(
        b";\r\n filename*%d*=%b%b" % (number, b"utf-8''" if number == 0 else b"", segment.encode())
        for number, segment in enumerate(segments)
    )


def _attached(attachment: Attachment) -> bytes:
    return _head(
        (
            (b"Content-Type", content_type_of(attachment).encode()),
            (b"Content-Transfer-Encoding", b"base64"),
            (b"Content-Disposition", b"attachment" + filename_parameters(attachment.filename)),
        )
    ) + encode_base64(attachment.content)


def _head(fields: Fields) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\n"
