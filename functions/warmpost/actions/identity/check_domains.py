"""Looks a verified domain's DNS records up again, tells its owner what broke, and holds its mail while it is unsigned.

A task per domain, queued by the daily run. What it finds, what the history says of it and what webhooks are told go into
one commit, so each change is told once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from warmpost.actions.context import Services
from warmpost.actions.outbox.notifications import queue_notifications
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.actions.warmup.domain_state import remember
from warmpost.errors import Unavailable
from warmpost.rules.identity.checks import (
    SUSPENDED_AFTER,
    Check,
    broken_records,
    check_domain,
    describe,
    suspension_reason,
    unsigned_since,
)
from warmpost.rules.identity.dkim_rotation import turn_of
from warmpost.rules.identity.dns_records import TxtValues
from warmpost.rules.identity.domains import Domain
from warmpost.rules.model.derived_ids import short_hash, task_name
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Stored, Update, Write
from warmpost.rules.warmup.documents import HistoryEntry, IdentityTurn
from warmpost.rules.webhooks.notifications import NotificationEvent

PAGE = 100
BEHIND_CACHES = timedelta(seconds=10)
"""By then every process knows that the domain may send again."""

LOOK_MARGIN = timedelta(seconds=1)
"""By which a task may come early."""

Turn = Literal["records_broken", "records_restored", "domain_suspended", "domain_resumed"]
"""What webhooks and the log call it."""

CHANGED = ("status", "records", "checked_at", "verified_at", "suspended_at", "keys", "incoming")


async def sweep_identities(services: Services, after: str, run: str) -> str:
    """Queues a page of verified domains; where the next page begins, empty behind the last."""
    rows = await services.store.fields(
        "domains", ("status", "==", "verified"), select=("status",), after=after or None, limit=PAGE
    )
    await services.tasks.enqueue(*(check_task(domain, run) for domain, _ in rows))
    return rows[-1][0] if len(rows) == PAGE else ""


def check_task(domain: str, why: str, at: datetime | None = None) -> Task:
    return Task("check", {"domain": domain}, task_name("check", domain.replace(".", "_"), why), at)


async def check_identity(services: Services, domain: str) -> None:
    """Where the DNS does not answer nothing changes, and the next run tries again. Raises errors.Unavailable, Moved."""
    await retry_on_conflict(lambda: _check(services, domain))


async def _check(services: Services, domain: str) -> None:
    stored = await services.store.get(Domain, f"domains/{domain}")
    if stored is None or stored.value.status != "verified":
        return
    found = await look_up(services, stored.value)
    if any(one is not None for one in found):
        await keep_check(services, stored, found)


async def look_up(services: Services, domain: Domain) -> list[TxtValues]:
    return list(await asyncio.gather(*(seen_txt(services, one.name) for one in domain.records)))


async def seen_txt(services: Services, name: str) -> TxtValues:
    try:
        return await services.resolver.txt(name)
    except Unavailable:
        return None


async def keep_check(services: Services, stored: Stored[Domain], found: Sequence[TxtValues]) -> Domain:
    """Decides on what was found and keeps it, together with what is told of it. Raises Moved or errors.Unavailable."""
    now = services.clock.now()
    check = check_domain(stored.value, found, now, services.policy.spf_include)
    notification_events, history = _told(services, stored, check, now)
    queued = await queue_notifications(services, notification_events)
    tasks = [*queued.tasks, *_follow_ups(check, now)]
    if tasks:
        await services.tasks.enqueue(*tasks)
    changes = {name: getattr(check.domain, name) for name in CHANGED}
    await services.store.commit(Update(stored.path, changes, stored.version), *history, *queued.writes)
    for word, _, text in _turns(check):
        log_event(word, text, domain=check.domain.domain)
    if turn := turn_of(stored.value, check.domain):
        log_event("dkim_rotated", turn, domain=check.domain.domain)
    return check.domain


def _told(
    services: Services, stored: Stored[Domain], check: Check, now: datetime
) -> tuple[list[NotificationEvent], list[Write]]:
    """Events for webhooks and entries of the history; named by the state they follow, so that none is told twice."""
    name, day = check.domain.domain, services.today()
    notification_events: list[NotificationEvent] = []
    history: list[Write] = []
    for kind, entry, text in _turns(check):
        id = short_hash(kind, stored.path, stored.version)
        notification_events.append(NotificationEvent(kind, now.timestamp(), id, domain=name, text=text))
        history.append(remember(name, HistoryEntry(at=now, kind=entry, reason=text, day=day)))
    return notification_events, history


def _turns(check: Check) -> Iterator[tuple[Turn, IdentityTurn | Literal["resumed"], str]]:
    if check.broken:
        yield "records_broken", "records_broken", describe(check.broken)
    if check.restored:
        left = broken_records(check.domain)
        rest = f" Still broken: {describe(left)}" if left else ""
        yield "records_restored", "records_restored", describe(check.restored) + rest
    if check.turn == "suspended":
        yield "domain_suspended", "suspended", suspension_reason(check.domain)
    if check.turn == "resumed":
        reason = "The DKIM record is right again: sending goes on."
        yield "domain_resumed", "resumed", reason


def _follow_ups(check: Check, now: datetime) -> list[Task]:
    """A look when the three days are over, and one at the waiting batches when sending goes on."""
    domain = check.domain.domain
    tasks: list[Task] = []
    since = unsigned_since(check.domain.records)
    if since == now:
        tasks.append(
            check_task(domain, f"since-{since.timestamp():.0f}", since + SUSPENDED_AFTER + LOOK_MARGIN)
        )
    if check.turn == "resumed":
        name = task_name("assess", domain.replace(".", "_"), "resumed", int(now.timestamp()))
        tasks.append(Task("assess", {"domain": domain}, name, now + BEHIND_CACHES))
    return tasks
