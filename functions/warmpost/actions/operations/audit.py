"""The audit trail: written after a change, which stands whatever becomes of the entry."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.pagination import Listed, Page, wrong_cursor
from warmpost.errors import Moved, Unavailable
from warmpost.rules.listings.listing import age_key
from warmpost.rules.model.writes import Create, Stored
from warmpost.rules.operations.audit import AuditEntry, as_text

MOST_LOOKED_AT = 1000
AT_ONCE = 100
AFTER_ALL = "~"


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Empty for what is not asked for. action: words of it. path: what it begins with."""

    key_id: str = ""
    action: str = ""
    path: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, entry: AuditEntry) -> bool:
        return (
            self.key_id in ("", entry.key_id)
            and self.action.casefold() in entry.action.casefold()
            and entry.path.startswith(self.path)
        )


async def keep_audit(
    services: Services, key_id: str, action: str, path: str, address: str, changes: Mapping[str, Any]
) -> None:
    """Never raises: what was changed is changed."""
    now = services.clock.now()
    until = now + timedelta(days=services.policy.retention.audit)
    id = f"{age_key(now)}{secrets.token_hex(6)}"
    entry = AuditEntry(now, key_id, action, path[:500], address, as_text(changes), id, until)
    try:
        await services.store.commit(Create(f"audit/{id}", entry))
    except (Moved, Unavailable) as failure:
        log_event("audit_lost", f"{action} by {key_id} is not in the audit trail", failed=failure, key=key_id)


async def list_audit(services: Services, query: AuditQuery, page: Page) -> Listed[Stored[AuditEntry]]:
    """Newest first. A page may hold fewer than its limit, where few of those looked through are wanted. Raises Invalid."""
    after = age_key(query.until) + AFTER_ALL if query.until else ""
    last = age_key(query.since) + AFTER_ALL if query.since else AFTER_ALL
    if page.cursor is not None:
        if not (page.cursor.isascii() and page.cursor.isalnum() and len(page.cursor) < 60):
            raise wrong_cursor()
        after = max(after, page.cursor)
    wanted: list[Stored[AuditEntry]] = []
    for _ in range(MOST_LOOKED_AT // AT_ONCE):
        found = await services.store.find(
            AuditEntry,
            "audit",
            ("listed", ">", after),
            ("listed", "<", last),
            order_by="listed",
            limit=min(AT_ONCE, page.limit + 1),
        )
        for one in found:
            if len(wanted) == page.limit:
                return Listed(wanted, after)
            after = one.value.listed
            if query.wants(one.value):
                wanted.append(one)
        if len(found) < min(AT_ONCE, page.limit + 1):
            return Listed(wanted, None)
    return Listed(wanted, after)
