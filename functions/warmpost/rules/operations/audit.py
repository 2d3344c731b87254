"""Who changed what: an entry for each change through any door but the sending of single messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MOST_TEXT = 200
MOST_CHANGE = 4000
"""Characters of a value, and of all of a change."""

SECRET = ("password", "secret", "key", "token")
SENT = frozenset({"POST /send"})
"""Single messages are their own record, and a write for each would cost as much as sending it."""

ERASES = "DELETE /manage/recipients/{address}"
"""Its entry must not keep whom it was about."""

LOOKS = (
    *("POST /batch-submit/check", "POST /batch-submit/forecast", "POST /manage/templates/preview"),
    *("POST /manage/templates/{template}/preview", "POST /manage/webhooks/{id}/test"),
)
"""Asked with a body, and change nothing."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`audit/{id}`. action: method and pattern of the route. path: what was changed. address: from where, as our proxies saw
    it. changes: JSON, from what to what. listed: orders entries, the newest first.
    """

    at: datetime
    key_id: str
    action: str
    path: str
    address: str
    changes: str
    listed: str
    expires_at: datetime


def is_change(method: str, action: str) -> bool:
    return method not in ("GET", "HEAD", "OPTIONS") and action not in SENT and action not in LOOKS


def path_noted(action: str, path: str) -> str:
    return "/manage/recipients/(erased)" if action == ERASES else path


def changes_of(method: str, body: Any, before: Any) -> dict[str, Any]:
    """By field: from what to what; nothing secret, and nothing long."""
    asked = body if isinstance(body, Mapping) else {}
    known = before if isinstance(before, Mapping) else {}
    if method == "DELETE":
        return {name: {"from": shown(name, value)} for name, value in known.items() if _is_plain(value)}
    found: dict[str, Any] = {}
    for name, value in asked.items():
        entry = {"to": shown(name, value)}
        if method in ("PATCH", "PUT") and name in known:
            entry = {"from": shown(name, known[name]), **entry}
        found[name] = entry
    return found


def _is_plain(value: Any) -> bool:
    return value is not None and not isinstance(value, list | dict)


def shown(name: str, value: Any) -> Any:
    if any(word in name.lower() for word in SECRET):
        return "(secret)"
    if isinstance(value, list):
        return value if len(json.dumps(value, default=str)) <= MOST_TEXT else f"({len(value):,} of them)"
    if isinstance(value, Mapping):
        return {inner: shown(inner, one) for inner, one in value.items()}
    if isinstance(value, str) and len(value) > MOST_TEXT:
        return f"{value[:MOST_TEXT]}… ({len(value):,} characters)"
    return value


def as_text(changes: Mapping[str, Any]) -> str:
    text = json.dumps(changes, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_CHANGE else json.dumps({"fields": sorted(changes)}, ensure_ascii=False)
