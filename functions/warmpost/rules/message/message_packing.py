"""Letters as bytes: what a batch or message keeps until its last recipient is served.

A deflated JSON head, then the attachments as they are: base64 and deflating would only cost time on content that is
mostly compressed already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from warmpost.rules.message.message import Attachment, Content, Letter, Mailbox
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.tracking.tracking import Track, Unsubscribe

MOST_INLINE = 700_000
"""Bytes that fit into a document beside its other fields (Firestore allows 1 MiB)."""

PART = 900_000


def pack_letter(letter: Letter) -> bytes:
    head = deflate(
        {
            "sender": _mailbox_row(letter.sender),
            "reply_to": [_mailbox_row(one) for one in letter.reply_to],
            "to": [_mailbox_row(one) for one in letter.to],
            "cc": [_mailbox_row(one) for one in letter.cc],
            "subject": letter.content.subject,
            "html": letter.content.html,
            "text": letter.content.text,
            "templated": letter.content.templated,
            "headers": [list(one) for one in letter.headers],
            "data": letter.data,
            "track": [letter.track.opens, letter.track.clicks],
            "unsubscribe": [
                letter.unsubscribe.headers,
                letter.unsubscribe.footer,
                letter.unsubscribe.language,
            ],
            "attachments": [[one.filename, one.content_type, len(one.content)] for one in letter.attachments],
        }
    )
    return b"".join((len(head).to_bytes(4, "big"), head, *(one.content for one in letter.attachments)))


def unpack_letter(packed: bytes) -> Letter:
    end = 4 + int.from_bytes(packed[:4], "big")
    head: dict[str, Any] = inflate(packed[4:end])
    attachments: list[Attachment] = []
    for filename, content_type, size in head["attachments"]:
        attachments.append(Attachment(filename, packed[end : end + size], content_type))
        end += size
    return Letter(
        sender=Mailbox(*head["sender"]),
        content=Content(head["subject"], head["html"], head["text"], head["templated"]),
        reply_to=tuple(Mailbox(*one) for one in head["reply_to"]),
        to=tuple(Mailbox(*one) for one in head["to"]),
        cc=tuple(Mailbox(*one) for one in head["cc"]),
        headers=tuple((name, value) for name, value in head["headers"]),
        attachments=tuple(attachments),
        data=head["data"],
        track=Track(*head.get("track", ())),
        unsubscribe=Unsubscribe(*head.get("unsubscribe", ())),
    )


def slices(packed: bytes) -> Iterator[bytes]:
    for start in range(0, len(packed), PART):
        yield packed[start : start + PART]


def _mailbox_row(mailbox: Mailbox) -> list[str]:
    return [mailbox.address, mailbox.name]
