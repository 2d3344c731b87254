"""What the doors of programs share: idempotency keys, query parameters, moments."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from warmpost.errors import Invalid
from warmpost.gateways.auth import Caller
from warmpost.rules.orders import Request as Asked
from warmpost.rules.progress import Note
from warmpost.sending.traces import Line

MOST_LIMIT = 1000


def asked(request: Request, caller: Caller, body: bytes) -> Asked:
    """Raises errors.Invalid for an idempotency key that is too long or not printable ASCII."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > 255 or not key.isascii() or not key.isprintable():
        raise Invalid(
            "invalid_idempotency_key",
            "An Idempotency-Key has up to 255 printable ASCII characters.",
            "Idempotency-Key",
        )
    return Asked(caller.key_id, key, hashlib.sha256(body).hexdigest())


def page_of(request: Request, allowed: tuple[str, ...] = (), limit: int = 100) -> tuple[int, str]:
    """The `limit` and `cursor` of a listing; other parameters than these and `allowed` are errors."""
    for name in request.query_params:
        if name not in (*allowed, "limit", "cursor"):
            raise Invalid("unknown_field", f"There is no parameter `{name}` here.", name)
    text = request.query_params.get("limit", str(limit))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_LIMIT):
        raise Invalid("invalid_limit", f"A limit is a whole number from 1 to {MOST_LIMIT:,}.", "limit")
    return int(text), request.query_params.get("cursor", "")


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the second."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def shown_line(line: Line) -> dict[str, Any]:
    return {
        "to": line.to,
        "status": line.status,
        "sent_at": moment(line.sent_at),
        "opened": line.opened,
        "clicked": line.clicked,
        "unsubscribed": line.unsubscribed,
        "history": [_shown_note(note) for note in line.notes],
    }


def _shown_note(note: Note) -> dict[str, Any]:
    shown: dict[str, Any] = {"at": moment(datetime.fromtimestamp(note.at, UTC)), "status": note.status.value}
    if note.code:
        shown["code"] = note.code
    if note.enhanced_code:
        shown["enhanced_code"] = note.enhanced_code
    return shown | {"text": note.text, "relay": note.relay or None}
