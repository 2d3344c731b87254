"""Orders as bytes: what a schedule keeps from the day it is made until its last run.

As message content is packed: a deflated JSON head, then the attachments as they are.
"""

from __future__ import annotations

from dataclasses import astuple, fields, replace
from typing import Any

from warmpost.rules.message.message import Attachment
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.requests.requests import BatchOrder, RecipientOrder, SendOrder
from warmpost.rules.tracking.tracking import Track, Unsubscribe


def pack_order(order: SendOrder | BatchOrder) -> bytes:
    head = {one.name: getattr(order, one.name) for one in fields(order)}
    head["attachments"] = [
        [one.filename, one.content_type, len(one.content), one.content_id] for one in order.attachments
    ]
    if isinstance(order, BatchOrder) and order.recipients is not None:
        head["recipients"] = [[one.to, one.data] for one in order.recipients]
    raw = order.raw if isinstance(order, SendOrder) else b""
    head["raw"] = len(raw)
    head["track"] = None if order.track is None else astuple(order.track)
    head["unsubscribe"] = None if order.unsubscribe is None else astuple(order.unsubscribe)
    packed = deflate({"kind": "batch" if isinstance(order, BatchOrder) else "send", "order": head})
    return b"".join(
        (len(packed).to_bytes(4, "big"), packed, *(one.content for one in order.attachments), raw)
    )


def unpack_order(packed: bytes) -> SendOrder | BatchOrder:
    end = 4 + int.from_bytes(packed[:4], "big")
    kept: dict[str, Any] = inflate(packed[4:end])
    attachments: list[Attachment] = []
    for filename, content_type, size, content_id in kept["order"].pop("attachments"):
        attachments.append(Attachment(filename, packed[end : end + size], content_type, content_id))
        end += size
    raw = packed[end : end + kept["order"].pop("raw", 0)]
    head: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept["order"].items()
    }
    head["track"] = Track(*head["track"]) if head.get("track") else None
    head["unsubscribe"] = Unsubscribe(*head["unsubscribe"]) if head.get("unsubscribe") else None
    if kept["kind"] == "send":
        return SendOrder(**head, attachments=tuple(attachments), raw=raw)
    order = BatchOrder(**head, attachments=tuple(attachments))
    if order.recipients is None:
        return order
    return replace(order, recipients=tuple(RecipientOrder(to, data) for to, data in head["recipients"]))
