"""Everything sent to one address, found by its hash and confirmed by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.delivery.recipient_status import (
    RecipientStatus,
    read_chunk_statuses,
    read_message_statuses,
    shown_status,
)
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.storage.pagination import Listed, Page, wrong_cursor
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch, Message
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.events import Target
from warmpost.rules.model.writes import Stored

MOST_LOOKED_AT = 100
"""Of the newest, for what a report means that names nothing but an address."""

REPORTED_EARLY = timedelta(minutes=5)
"""Reports come from other machines, whose clocks may be behind ours by so much."""

NEVER_SENT = ("held", "queued", "suppressed", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that was sent, or is to be sent, to one address. target: the very recipient."""

    kind: str
    id: str
    subject: str
    sender: str
    created_at: datetime
    line: RecipientStatus
    target: Target


async def sent_to(services: Services, address: str, page: Page) -> Listed[Sent]:
    """Batches and messages, newest first; a read or two for each of them, and the rest for those of the page.

    The cursor is the moment and the document where the page before ended. Raises Invalid.
    """
    begun = [one for one in await _places(services, address) if _is_behind(one, page.cursor)]
    begun.sort(key=lambda one: (one.created_at, one.path), reverse=True)
    found: list[Sent] = []
    for number, one in enumerate(begun):
        if len(found) >= page.limit:
            last = begun[number - 1]
            return Listed(found, f"{last.created_at.timestamp():.6f}/{last.path}")
        found += await _sent_at(services, one, address.lower())
    return Listed(found, None)


@dataclass(frozen=True, slots=True)
class Place:
    """path: of a message or of a chunk of a batch in which an address is, by its hash."""

    path: str
    created_at: datetime


async def _places(services: Services, address: str) -> list[Place]:
    """Pages of lists look like chunks but lie elsewhere; so do chunks of a batch that was never accepted."""
    where: Any = ("hashes", "array_contains", address_hash(address))
    messages = await services.store.fields("messages", where, select=("created_at",))
    chunks = await services.store.fields("chunks", where, select=("first",), everywhere=True)
    paths = [path for path, _ in chunks]
    batches = await gather_limited(services.store.get(Batch, _batch_path(path)) for path in paths)
    return [
        *(Place(f"messages/{id}", fields["created_at"]) for id, fields in messages),
        *(Place(path, one.value.created_at) for path, one in zip(paths, batches, strict=True) if one),
    ]


def _batch_path(chunk: str) -> str:
    return chunk.rpartition("/chunks/")[0]


def _is_behind(place: Place, cursor: str | None) -> bool:
    """Raises Invalid for a cursor that no page gave."""
    if cursor is None:
        return True
    moment, _, path = cursor.partition("/")
    try:
        return (round(place.created_at.timestamp(), 6), place.path) < (float(moment), path)
    except ValueError:
        raise wrong_cursor() from None


async def _sent_at(services: Services, place: Place, address: str) -> list[Sent]:
    if place.path.startswith("messages/"):
        message = await services.store.get(Message, place.path)
        return await _in_message(services, message, address) if message else []
    chunk = await services.store.get(Chunk, place.path)
    return await _in_chunk(services, chunk, address) if chunk else []


async def _in_message(services: Services, message: Stored[Message], address: str) -> list[Sent]:
    value = message.value
    statuses = await read_message_statuses(services.store, message.id, value)
    found: list[Sent] = []
    for place, to in enumerate(inflate(value.recipients)):
        if to.lower() == address:
            line = replace(statuses.of(to, statuses.status(place).value, place), position=place)
            target = Target(message=message.id, position=place, address=to)
            found.append(
                Sent("send", message.id, value.subject, value.sender, value.created_at, line, target)
            )
    return found


async def _in_chunk(services: Services, chunk: Stored[Chunk], address: str) -> list[Sent]:
    batch = await services.store.get(Batch, _batch_path(chunk.path))
    if batch is None:
        return []
    value, first = batch.value, chunk.value.first
    statuses = await read_chunk_statuses(services.store, batch.id, chunk.id, chunk.value.count)
    found: list[Sent] = []
    for place, recipient in enumerate(unpack(chunk.value)):
        if recipient.address.lower() == address:
            shown = shown_status(value, statuses.status(place), first + place)
            line = replace(statuses.of(recipient.address, shown, place), position=first + place)
            target = Target(batch.id, "", first + place, recipient.address)
            found.append(Sent("batch", batch.id, value.name, value.sender, value.created_at, line, target))
    return found


async def newest_target(services: Services, address: str, at: datetime) -> Target | None:
    """The last thing sent to an address before a report of that time: what it means if it names nothing else."""
    until = at + REPORTED_EARLY
    sent = await sent_to(services, address, Page(MOST_LOOKED_AT)) if address else Listed([], None)
    return next(
        (one.target for one in sent.items if one.line.status not in NEVER_SENT and one.created_at <= until),
        None,
    )
