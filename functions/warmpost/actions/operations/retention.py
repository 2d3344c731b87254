"""Retention: what need not be kept any longer goes, a page at a time, when `daily` comes round.

Time-to-live of the store would do it without a word, but counts from a document's beginning: a batch that waits for months
would lose its content before it is sent. So what has ended goes here, and what only grows old by itself goes there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from warmpost.actions.batches.report import count_batch
from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import message_content_path
from warmpost.errors import Moved
from warmpost.rules.delivery.documents import KeptOfBatch
from warmpost.rules.listings.listing import SHARDS, ListedBatch, age_key
from warmpost.rules.model.writes import Delete, Put, Stored, Update, Write
from warmpost.rules.operations.retention import Retained

PAGE = 100
MOST_PAGES = 10_000
AT_ONCE = 200
"""Documents below one that are deleted in one commit."""

NEVER = datetime(2000, 1, 1, tzinfo=UTC)
AFTER_ALL = "~"


@dataclass(frozen=True, slots=True)
class OldMessage:
    """As much of a message as this asks for."""

    parts: int
    digest: str
    listed: str = ""


async def drop_what_is_old(services: Services, after: str, run: str) -> str:
    """All of it where little is old, else a page; where the next one begins, as `part|after`, empty at the end."""
    begun, _, within = after.partition("|")
    parts = list(PARTS)
    for part in parts[parts.index(begun) if begun else 0 :]:
        last = await PARTS[part](services, within, run)
        if last:
            return f"{part}|{last}"
        within = ""
    return ""


async def drop_message_content(services: Services, after: str, run: str) -> str:
    """Of messages that have grown old since the run before; those still on their way keep theirs."""
    cut = services.policy.retention.content_before(_moment(run))
    done = await _content_gone_until(services, "message-content")
    shard = int(after[:1] or 0)
    rows = await services.store.fields(
        "messages",
        ("listed", ">", after or f"0{age_key(cut)}{AFTER_ALL}"),
        ("listed", "<", f"{shard}{age_key(done)}"),
        select=("listed", "parts", "digest", "progress.finished"),
        order_by="listed",
        limit=PAGE,
    )
    for id, row in rows:
        if row["progress"]["finished"]:
            bare = Update(f"messages/{id}", {"message_content": b"", "parts": 0})
            await _commit(services, [bare, *_content_parts(id, row["digest"], row["parts"])])
    if len(rows) == PAGE:
        return str(rows[-1][1]["listed"])
    if shard + 1 < SHARDS:
        return await drop_message_content(services, f"{shard + 1}{age_key(cut)}{AFTER_ALL}", run)
    await services.store.commit(Put("runs/message-content", Retained(cut)))
    return ""


async def drop_messages(services: Services, after: str, run: str) -> str:
    cut = services.policy.retention.recipients_before(_moment(run))
    shard = int(after[:1] or 0)
    found = await services.store.find(
        OldMessage,
        "messages",
        ("listed", ">", after or f"0{age_key(cut)}{AFTER_ALL}"),
        ("listed", "<", f"{shard}{AFTER_ALL}"),
        order_by="listed",
        limit=PAGE,
        partial=True,
    )
    for one in found:
        below = [Delete(f"{one.path}/reported_status/all")]
        parts = _content_parts(one.id, one.value.digest, one.value.parts)
        await _commit(services, [Delete(one.path), *below, *parts])
    if len(found) == PAGE:
        return found[-1].value.listed
    following = f"{shard + 1}{age_key(cut)}{AFTER_ALL}"
    return await drop_messages(services, following, run) if shard + 1 < SHARDS else ""


def _content_parts(id: str, digest: str, parts: int) -> list[Write]:
    path = message_content_path(id, digest)
    return [Delete(f"{path}/parts/{number:03d}") for number in range(parts)]


async def drop_batch_content(services: Services, after: str, run: str) -> str:
    """Each page begins anew: what was looked at is found no more."""
    cut = services.policy.retention.content_before(_moment(run))
    found = await _ended(services, "all", cut)
    for one in found:
        await _delete_below(services, f"{one.path}/parts")
        changes = {"message_content": b"", "parts": 0, "kept": "recipients"}
        await _commit(services, [Update(one.path, changes, one.version)])
    return _further(found, after)


async def drop_recipients(services: Services, after: str, run: str) -> str:
    """Who a batch went to; how many of them were delivered, bounced and so on is noted with it before."""
    cut = services.policy.retention.recipients_before(_moment(run))
    found = await _ended(services, "recipients", cut)
    for one in found:
        if not one.value.counts:
            counts = await count_batch(services, one)
            await services.store.commit(Update(one.path, {"counts": counts}))
        for below in ("chunks", "progress", "reported_status"):
            await _delete_below(services, f"{one.path}/{below}")
        await _commit(services, [Update(one.path, {"kept": "figures"})])
    return _further(found, after)


def _further(found: Sequence[object], after: str) -> str:
    """Pages are told apart by their number."""
    number = int(after or 0) + 1
    return str(number) if len(found) == PAGE and number < MOST_PAGES else ""


async def _ended(services: Services, kept: KeptOfBatch, before: datetime) -> Sequence[Stored[ListedBatch]]:
    return await services.store.find(
        ListedBatch,
        "batches",
        ("kept", "==", kept),
        ("finished_at", "<", before),
        order_by="finished_at",
        limit=PAGE,
        partial=True,
    )


async def drop_orders(services: Services, after: str, run: str) -> str:
    """What schedules sent that ended long ago; and those themselves with their runs when nobody can be asked about them."""
    retention, now = services.policy.retention, _moment(run)
    cut, done = retention.content_before(now), await _content_gone_until(services, "orders")
    found = await _schedules(services, after or done.isoformat(), cut)
    for id, _ in found:
        await _delete_below(services, f"schedules/{id}/parts")
        await _commit(services, [Update(f"schedules/{id}", {"parts": 0})])
    if len(found) == PAGE:
        return found[-1][1].isoformat()
    await services.store.commit(Put("runs/orders", Retained(cut)))
    return ""


async def drop_schedules(services: Services, after: str, run: str) -> str:
    cut = services.policy.retention.recipients_before(_moment(run))
    found = await _schedules(services, NEVER.isoformat(), cut)
    for id, _ in found:
        for below in ("runs", "parts"):
            await _delete_below(services, f"schedules/{id}/{below}")
        await services.store.commit(Delete(f"schedules/{id}"))
    return _further(found, after)


async def _schedules(services: Services, after: str, before: datetime) -> list[tuple[str, datetime]]:
    """Those that ended between the two."""
    rows = await services.store.fields(
        "schedules",
        ("ended_at", ">", datetime.fromisoformat(after)),
        ("ended_at", "<", before),
        select=("ended_at",),
        order_by="ended_at",
        limit=PAGE,
    )
    return [(id, row["ended_at"]) for id, row in rows]


async def _content_gone_until(services: Services, name: str) -> datetime:
    found = await services.store.get(Retained, f"runs/{name}")
    return found.value.content_until if found else NEVER


async def _delete_below(services: Services, collection: str) -> None:
    while rows := await services.store.fields(collection, select=[], limit=AT_ONCE):
        await services.store.commit(*(Delete(f"{collection}/{id}") for id, _ in rows))


async def _commit(services: Services, writes: Sequence[Write]) -> None:
    """What was changed or deleted meanwhile is left to the next day."""
    with suppress(Moved):
        await services.store.commit(*writes)


def _moment(run: str) -> datetime:
    """Of the run, so that all its pages mean the same."""
    return datetime.fromtimestamp(int(run), UTC)


PARTS: dict[str, Callable[[Services, str, str], Awaitable[str]]] = {
    "message-content": drop_message_content,
    "messages": drop_messages,
    "batch-content": drop_batch_content,
    "recipients": drop_recipients,
    "orders": drop_orders,
    "schedules": drop_schedules,
}
"""What goes, a page at a time: where the next page begins, empty behind the last."""
