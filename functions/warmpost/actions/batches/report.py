"""What became of it: a batch in numbers, its recipients one by one, a message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from warmpost.actions.context import Services
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.delivery.recipient_status import (
    RecipientStatus,
    RecipientStatuses,
    read_chunk_statuses,
    read_message_statuses,
    shown_status,
    statuses_of,
)
from warmpost.actions.warmup.domain_state import read_snapshot
from warmpost.errors import Invalid
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch, Message, ProgressFields
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.events.documents import ReportedStatusFields
from warmpost.rules.identity.checks import suspension_reason
from warmpost.rules.identity.domains import Domain
from warmpost.rules.listings.listing import ListedBatch, ListedMessage
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Filter, Stored

T = TypeVar("T")

COUNTED = tuple(status for status in Status if status is not Status.QUEUED)
CHUNKS_PER_LOOK = 10
LOOKS_AGAIN = 3


async def count_batch(services: Services, batch: Stored[Batch] | Stored[ListedBatch]) -> dict[str, int]:
    """Recipients by status; together they are the batch's total. Four aggregation queries, whatever the size.

    They are of different moments: somebody who moved on meanwhile may stand in two states, and then all is read again.
    """
    value = batch.value
    if value.counts:
        return value.counts
    released = value.released
    counts = await _summed(services, batch.path)
    for _ in range(LOOKS_AGAIN):
        if sum(counts.values()) <= released:
            break
        found = await services.store.get(Released, batch.path)
        released = found.value.released if found else released
        counts = await _summed(services, batch.path)
    counts["queued"] = max(released - sum(counts.values()), 0)
    counts["held"] = value.total - released
    if value.status.unsent_become:
        counts[value.status] += counts["held"] + counts["queued"]
        counts["held"] = counts["queued"] = 0
    return counts


async def _summed(services: Services, path: str) -> dict[str, int]:
    fields = [f"counts.{status.value}" for status in COUNTED]
    counts = await services.store.sums(f"{path}/progress", fields)
    changes = await services.store.sums(f"{path}/reported_status", fields)
    return {name: number + changes.get(name, 0) for name, number in counts.items()}


@dataclass(frozen=True, slots=True)
class Released:
    """As much of a batch as this asks for."""

    released: int = 0


@dataclass(frozen=True, slots=True)
class BatchPace:
    """A batch under its domain's warm-up. cap: messages a day, None for no limit. reason: of a suspension."""

    status: str
    paused_until: datetime | None
    level: int
    cap: int | None
    used_today: int
    reason: str = ""


async def read_pace(services: Services, batch: Stored[Batch] | Stored[ListedBatch]) -> BatchPace:
    """A running batch that holds recipients is paused while its domain is, or is suspended: nothing is written for that."""
    value = batch.value
    snapshot = await read_snapshot(services, value.domain)
    pause = snapshot.warmup_state.pause
    runs = value.status.is_running
    domain = await services.cache.get(Domain, f"domains/{value.domain}") if runs else None
    reason = suspension_reason(domain) if domain else ""
    waits = runs and value.released < value.total
    until = pause.until if waits and pause and pause.until > services.clock.now() else None
    standing = snapshot.standing
    return BatchPace(
        "paused" if until or reason else value.status,
        until,
        standing.level,
        standing.cap,
        snapshot.allowance.volume.used,
        reason,
    )


@dataclass(frozen=True, slots=True)
class Stall:
    """Since when recipients wait for a relay, and what those of the pool said last."""

    since: datetime
    reason: str


async def find_stall(services: Services, batch: Stored[Batch]) -> Stall | None:
    if not batch.value.status.is_running:
        return None
    return await longest_stall(services, batch.path)


async def longest_stall(services: Services, path: str) -> Stall | None:
    """Of the batch's chunk that has waited longest for a relay."""
    found = await services.store.fields(
        f"{path}/progress",
        ("stalled_since", ">", 0),
        select=("stalled_since", "stalled_reason"),
        order_by="stalled_since",
        limit=1,
    )
    return read_stall(**found[0][1]) if found else None


async def find_slowness(services: Services, batch: Stored[Batch]) -> str | None:
    """A mailbox provider that recipients wait for, in words."""
    if not batch.value.status.is_running:
        return None
    found = await services.store.fields(
        f"{batch.path}/progress", ("slowed", ">", ""), select=("slowed",), order_by="slowed", limit=1
    )
    return str(found[0][1]["slowed"]) if found else None


def read_stall(stalled_since: float, stalled_reason: str = "") -> Stall | None:
    return Stall(datetime.fromtimestamp(stalled_since, UTC), stalled_reason) if stalled_since else None


@dataclass(frozen=True, slots=True)
class RecipientQuery:
    """None for what is not asked for. address: one of the batch, in whatever case."""

    status: str | None = None
    address: str | None = None
    opened: bool | None = None
    clicked: bool | None = None
    unsubscribed: bool | None = None

    def wants(self, statuses: RecipientStatuses, place: int, status: str) -> bool:
        did = statuses.reported.did
        return self.status in (None, status) and all(
            wanted is None or did(name, place) is wanted
            for name, wanted in (
                ("opened", self.opened),
                ("clicked", self.clicked),
                ("unsubscribed", self.unsubscribed),
            )
        )


async def list_recipients(
    services: Services, batch_id: str, query: RecipientQuery, cursor: str, limit: int
) -> tuple[list[RecipientStatus], str]:
    """Recipients in order of the batch, those asked for or all; the cursor to go on with, empty at the end."""
    batch = await find_batch(services, batch_id)
    if query.address is not None:
        return await _with_address(services, batch, query, query.address), ""
    number, position = _read_cursor(cursor)
    lines: list[RecipientStatus] = []
    while True:
        chunks = await _few(services, Chunk, f"{batch.path}/chunks", number)
        progress = await _few(services, ProgressFields, f"{batch.path}/progress", number)
        reported = await _few(services, ReportedStatusFields, f"{batch.path}/reported_status", number)
        for chunk, value in chunks.items():
            statuses = statuses_of(progress.get(chunk), reported.get(chunk), value.count)
            for place, line in _lines(batch.value, value, statuses, position, query):
                if len(lines) == limit:
                    return lines, f"{chunk}:{place}"
                lines.append(line)
            position = 0
        if len(chunks) < CHUNKS_PER_LOOK:
            return lines, ""
        number += CHUNKS_PER_LOOK


async def _few(services: Services, kind: type[T], collection: str, first: int) -> dict[str, T]:
    """The next documents of a collection numbered as the chunks are."""
    after = f"{first - 1:06d}" if first else None
    found = await services.store.find(kind, collection, after=after, limit=CHUNKS_PER_LOOK)
    return {one.id: one.value for one in found}


def _lines(
    batch: Batch, chunk: Chunk, statuses: RecipientStatuses, start: int, query: RecipientQuery
) -> Iterator[tuple[int, RecipientStatus]]:
    shown = {
        place: shown_status(batch, statuses.status(place), chunk.first + place)
        for place in range(start, chunk.count)
    }
    wanted = [place for place in shown if query.wants(statuses, place, shown[place])]
    recipients = unpack(chunk) if wanted else []
    for place in wanted:
        line = statuses.of(recipients[place].address, shown[place], place)
        yield place, replace(line, position=chunk.first + place)


async def _with_address(
    services: Services, batch: Stored[Batch], query: RecipientQuery, address: str
) -> list[RecipientStatus]:
    """Found by its hash, whatever the batch's size."""
    where: Filter = ("hashes", "array_contains", address_hash(address))
    found = await services.store.fields("chunks", where, select=("first",), everywhere=True)
    lines: list[RecipientStatus] = []
    for path in sorted(path for path, _ in found if path.startswith(f"{batch.path}/chunks/")):
        chunk = await services.store.get(Chunk, path)
        if chunk is None:
            continue
        statuses = await read_chunk_statuses(services.store, batch.id, chunk.id, chunk.value.count)
        some = _lines(batch.value, chunk.value, statuses, 0, query)
        lines += [line for _, line in some if line.to.lower() == address.lower()]
    return lines


def _read_cursor(cursor: str) -> tuple[int, int]:
    number, _, position = cursor.partition(":")
    if not cursor:
        return 0, 0
    if not (number.isdigit() and position.isdigit() and cursor.isascii() and len(cursor) < 20):
        raise Invalid("invalid_cursor", "A cursor is what the page before gave as next_cursor.", "cursor")
    return int(number), int(position)


async def message_statuses(
    services: Services, message: Stored[Message] | Stored[ListedMessage]
) -> list[RecipientStatus]:
    addresses: list[str] = inflate(message.value.recipients)
    statuses = await read_message_statuses(services.store, message.id, message.value)
    return [
        replace(statuses.of(to, statuses.status(place).value, place), position=place)
        for place, to in enumerate(addresses)
    ]


def overall_status(lines: Sequence[RecipientStatus]) -> str:
    """One word for up to 50 recipients: what is still to be done first, then what went wrong, then what went well."""
    found = {line.status for line in lines}
    order = "queued sending deferred uncertain complained bounced failed suppressed cancelled sent delivered".split()
    return next((name for name in order if name in found), "queued")
