"""Events for customers' systems, as documents to be written together with what the events changed.

Whoever applies events writes these in the same commit and queues the tasks: so every event is told that was applied, and
none that was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from warmpost.actions.context import Services
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.model.derived_ids import short_hash, task_name
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Create, Stored, Write
from warmpost.rules.webhooks.notifications import (
    Notification,
    NotificationEvent,
    Told,
    bundles,
    line_of,
    pack_lines,
    payload,
)
from warmpost.rules.webhooks.webhooks import Webhook, webhooks_for

MOST_WEBHOOKS = 200
PAGE = 100
LEFT_LYING = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Queued:
    """tasks: may be queued before or after the commit; before it, a crash in between loses nothing."""

    writes: Sequence[Write] = ()
    tasks: Sequence[Task] = ()


async def queue_notifications(services: Services, notification_events: Sequence[NotificationEvent]) -> Queued:
    """Documents and tasks that are the same for the same events, in order: a commit that repeats them fails as a whole.

    Reads nothing but the webhooks, which are remembered for some seconds. Raises errors.Unavailable.
    """
    if not notification_events:
        return Queued()
    webhooks = await services.cache.every(Webhook, "webhooks", MOST_WEBHOOKS)
    wanted: dict[str, list[tuple[str, bytes]]] = {}
    for one in notification_events:
        chosen = webhooks_for(webhooks, one.kind, one.from_address, one.from_domain)
        if chosen:
            row = (one.public_id, line_of(payload(one, services.policy.project)))
            for webhook in chosen:
                wanted.setdefault(webhook.id, []).append(row)
    writes: list[Write] = []
    tasks: list[Task] = []
    for webhook in webhooks:
        for id, notification in _packed(services, webhook, wanted.get(webhook.id, [])):
            writes.append(Create(f"notifications/{id}", notification))
            if notification.state == "waiting":
                tasks.append(notify_task(id, notification.attempt, notification.created_at))
    return Queued(writes, tasks)


async def is_wanted(services: Services, kind: Told, sender: str) -> bool:
    """Whether a webhook would be told. sender: address."""
    webhooks = await services.cache.every(Webhook, "webhooks", MOST_WEBHOOKS)
    return bool(webhooks_for(webhooks, kind, sender, domain_of(sender).lower()))


def _packed(
    services: Services, webhook: Stored[Webhook], rows: Sequence[tuple[str, bytes]]
) -> list[tuple[str, Notification]]:
    """For a webhook that was given up they are parked at once: its owner can have them sent later."""
    now = services.clock.now()
    size = webhook.value.batch_size
    packed: list[tuple[str, Notification]] = []
    start = 0
    for lines in bundles([line for _, line in rows], size):
        ids = [id for id, _ in rows[start : start + len(lines)]]
        start += len(lines)
        notification = Notification(
            webhook=webhook.id,
            payloads=pack_lines(lines),
            count=len(lines),
            per_request=size,
            results="." * -(-len(lines) // size),
            state="waiting" if webhook.value.is_served else "parked",
            created_at=now,
            expires_at=now + timedelta(days=services.policy.retention.events),
            next_at=now,
            error="" if webhook.value.is_served else webhook.value.disabled_reason,
        )
        packed.append((short_hash("notification", webhook.id, *ids, length=26), notification))
    return packed


def notify_task(id: str, attempt: int, at: datetime) -> Task:
    """Named by its time as well: an earlier one came to nothing where what it was about was never written."""
    body = {"notification": id, "attempt": attempt}
    return Task("notify", body, task_name("notify", id, attempt, int(at.timestamp())), at, "notify")


async def requeue_notifications(services: Services, after: str, run: str) -> str:
    """A page of those whose task is overdue by more than an hour; where the next page begins, empty behind the last."""
    rows = await services.store.fields(
        "notifications",
        ("state", "==", "waiting"),
        select=("attempt", "next_at"),
        after=after or None,
        limit=PAGE,
    )
    before = services.clock.now() - LEFT_LYING
    tasks = [
        Task(
            "notify",
            {"notification": id, "attempt": row["attempt"]},
            task_name("notify", id, row["attempt"], run),
            queue="notify",
        )
        for id, row in rows
        if row["next_at"] < before
    ]
    await services.tasks.enqueue(*tasks)
    return rows[-1][0] if len(rows) == PAGE else ""
