"""Message content as bytes: what a batch or message keeps until its last recipient is served.

A deflated JSON head, then the attachments as they are: base64 and deflating would only cost time on content that is
mostly compressed already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

from warmpost.rules.message.message import Attachment, Content, Mailbox, MessageContent
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.tracking.tracking import Track, Unsubscribe

MOST_INLINE = 700_000
"""Bytes that fit into a document beside its other fields (Firestore allows 1 MiB)."""

PART = 900_000


def pack_message_content(message_content: MessageContent) -> bytes:
    head = deflate(_head(message_content))
    return b"".join(
        (
            len(head).to_bytes(4, "big"),
            head,
            *(one.content for one in message_content.attachments),
            message_content.raw,
        )
    )


def _head(message_content: MessageContent) -> dict[str, object]:
    return {
        "sender": _mailbox_row(message_content.sender),
        "reply_to": [_mailbox_row(one) for one in message_content.reply_to],
        "to": [_mailbox_row(one) for one in message_content.to],
        "cc": [_mailbox_row(one) for one in message_content.cc],
        "subject": message_content.content.subject,
        "html": message_content.content.html,
        "text": message_content.content.text,
        "templated": message_content.content.templated,
        "syntax": message_content.content.syntax,
        "headers": [list(one) for one in message_content.headers],
        "data": message_content.data,
        "track": astuple(message_content.track),
        "unsubscribe": astuple(message_content.unsubscribe),
        "raw": [len(message_content.raw), message_content.written_at],
        "attachments": [
            [one.filename, one.content_type, len(one.content), one.content_id]
            for one in message_content.attachments
        ],
    }


def unpack_message_content(packed: bytes) -> MessageContent:
    end = 4 + int.from_bytes(packed[:4], "big")
    head: dict[str, Any] = inflate(packed[4:end])
    attachments: list[Attachment] = []
    for filename, content_type, size, content_id in head["attachments"]:
        attachments.append(Attachment(filename, packed[end : end + size], content_type, content_id))
        end += size
    raw, written_at = head.get("raw", (0, 0))
    return MessageContent(
        sender=Mailbox(*head["sender"]),
        content=Content(
            head["subject"], head["html"], head["text"], head["templated"], head.get("syntax", "jinja")
        ),
        reply_to=tuple(Mailbox(*one) for one in head["reply_to"]),
        to=tuple(Mailbox(*one) for one in head["to"]),
        cc=tuple(Mailbox(*one) for one in head["cc"]),
        headers=tuple((name, value) for name, value in head["headers"]),
        attachments=tuple(attachments),
        data=head["data"],
        track=Track(*head.get("track", ())),
        unsubscribe=Unsubscribe(*head.get("unsubscribe", ())),
        raw=packed[end : end + raw],
        written_at=written_at,
    )


def slices(packed: bytes) -> Iterator[bytes]:
    for start in range(0, len(packed), PART):
        yield packed[start : start + PART]


def _mailbox_row(mailbox: Mailbox) -> list[str]:
    return [mailbox.address, mailbox.name]
