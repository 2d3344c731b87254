"""Everything sent to one address, found by its hash and confirmed by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.delivery.recipient_status import (
    RecipientStatus,
    read_chunk_statuses,
    read_message_statuses,
    shown_status,
)
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch, Message
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.events import Target
from warmpost.rules.model.writes import Stored

MOST_FOUND = 100
CLOCKS_DIFFER = timedelta(minutes=5)
"""Reports come from other machines."""
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


async def sent_to(services: Services, address: str) -> list[Sent]:
    """Batches and messages, newest first; at most MOST_FOUND of each."""
    where: Any = ("hashes", "array_contains", address_hash(address))
    found: list[Sent] = []
    for message in await services.store.find(Message, "messages", where, limit=MOST_FOUND):
        found += await _in_message(services, message, address.lower())
    for chunk in await services.store.find(Chunk, "chunks", where, everywhere=True, limit=MOST_FOUND):
        found += await _in_chunk(services, chunk, address.lower())
    return sorted(found, key=lambda one: one.created_at, reverse=True)


async def _in_message(services: Services, message: Stored[Message], address: str) -> list[Sent]:
    value = message.value
    statuses = await read_message_statuses(services.store, message.id, value)
    found: list[Sent] = []
    for place, to in enumerate(inflate(value.recipients)):
        if to.lower() == address:
            line = statuses.of(to, statuses.status(place).value, place)
            target = Target(message=message.id, position=place, address=to)
            found.append(
                Sent("send", message.id, value.subject, value.sender, value.created_at, line, target)
            )
    return found


async def _in_chunk(services: Services, chunk: Stored[Chunk], address: str) -> list[Sent]:
    """Pages of lists look like chunks but lie elsewhere; so do chunks of a batch that was never accepted."""
    path = chunk.path.rpartition("/chunks/")[0]
    batch = await services.store.get(Batch, path)
    if batch is None:
        return []
    value, first = batch.value, chunk.value.first
    statuses = await read_chunk_statuses(services.store, batch.id, chunk.id, chunk.value.count)
    found: list[Sent] = []
    for place, recipient in enumerate(unpack(chunk.value)):
        if recipient.address.lower() == address:
            shown = shown_status(value, statuses.status(place), first + place)
            line = statuses.of(recipient.address, shown, place)
            target = Target(batch.id, "", first + place, recipient.address)
            found.append(Sent("batch", batch.id, value.name, value.sender, value.created_at, line, target))
    return found


async def newest_target(services: Services, address: str, at: datetime) -> Target | None:
    """The last thing sent to an address before a report of that time: what it means if it names nothing else."""
    sent = await sent_to(services, address) if address else []
    until = at + CLOCKS_DIFFER
    return next(
        (one.target for one in sent if one.line.status not in NEVER_SENT and one.created_at <= until), None
    )
