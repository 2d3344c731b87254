"""The structure of a message body (RFC 2046): alternative texts, attachments, and the lines between them.

Boundaries are constant: `=_` can appear neither in quoted-printable nor in base64, and every part is one of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from warmpost.rules.message.content_types import content_type_of, is_invitation
from warmpost.rules.message.headers import encode_words
from warmpost.rules.message.message import Attachment
from warmpost.rules.message.quoted_printable import encode_base64

Encoding = Literal["quoted-printable", "base64"]
Fields = tuple[tuple[bytes, bytes], ...]

_ALTERNATIVE = b"=_alternative_"
_RELATED = b"=_related_"
_MIXED = b"=_mixed_"
_BASE64 = (b"Content-Transfer-Encoding", b"base64")


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
    """texts: one, or plain before html (RFC 2046 section 5.1.4: the last is the best).

    An invitation is an alternative to the texts as well as a file: mailboxes show the one, calendars import the other.
    Pictures that the HTML shows surround the alternatives (RFC 2387), files that stand alone surround both.
    """
    invitation = next((one for one in attachments if is_invitation(one)), None)
    fields, around = _alternatives(texts, invitation)
    inline = [one for one in attachments if one.content_id]
    files = [one for one in attachments if not one.content_id]
    shared = b""
    for boundary, kind, parts in ((_RELATED, b"related", inline), (_MIXED, b"mixed", files)):
        if parts:
            around[0] = b"--%b\r\n%b%b" % (boundary, _head(fields), around[0])
            shared += b"".join(b"\r\n--%b\r\n%b" % (boundary, _attached(one)) for one in parts)
            shared += b"\r\n--%b--" % boundary
            root = b'type="%b";\r\n ' % fields[0][1].partition(b";")[0] if kind == b"related" else b""
            fields = ((b"Content-Type", b'multipart/%b; %bboundary="%b"' % (kind, root, boundary)),)
    if not shared:
        return Frame(fields, (*around[:-1], around[-1] + b"\r\n"), b"")
    return Frame(fields, tuple(around), shared + b"\r\n")


def _alternatives(texts: Sequence[TextPart], invitation: Attachment | None) -> tuple[Fields, list[bytes]]:
    if len(texts) == 1 and invitation is None:
        return texts[0].fields, [b"", b""]
    around = [b"--%b\r\n%b" % (_ALTERNATIVE, _head(text.fields)) for text in texts]
    around[1:] = [b"\r\n" + line for line in around[1:]]
    end = b"\r\n--%b--" % _ALTERNATIVE
    if invitation is not None:
        fields = ((b"Content-Type", content_type_of(invitation).encode()), _BASE64)
        end = b"\r\n--%b\r\n%b%b%b" % (_ALTERNATIVE, _head(fields), encode_base64(invitation.content), end)
    return ((b"Content-Type", b'multipart/alternative; boundary="%b"' % _ALTERNATIVE),), [*around, end]


def name_parameter(filename: str) -> bytes:
    """The name once more as `name`, in encoded words, for mailboxes that know no RFC 2231 (QQ Mail, old Outlook)."""
    if filename.isascii():
        return b""
    return b';\r\n name="%b"' % b"\r\n ".join(encode_words(filename, len(' name="')))


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
    content_type = content_type_of(attachment).encode()
    disposition = b"inline" if attachment.content_id else b"attachment"
    fields = [
        (b"Content-Type", content_type + name_parameter(attachment.filename)),
        _BASE64,
        (b"Content-Disposition", disposition + filename_parameters(attachment.filename)),
    ]
    if attachment.content_id:
        fields.append((b"Content-ID", b"<%b>" % attachment.content_id.encode()))
    return _head(fields) + encode_base64(attachment.content)


def _head(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\n"
