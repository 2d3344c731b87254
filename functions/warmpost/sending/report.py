"""What became of it: a batch in numbers, its recipients one by one, a message, everything sent to one address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from warmpost.errors import Invalid, NotFound
from warmpost.rules.chunks import Chunk, address_hash, inflate, unpack
from warmpost.rules.documents import Batch, Message, ProgressFields, load_progress
from warmpost.rules.progress import Note, Progress, begin
from warmpost.rules.statuses import Status
from warmpost.rules.writes import Stored
from warmpost.sending.control_batch import find_batch
from warmpost.sending.ports import Services
from warmpost.sending.warmth import look

COUNTED = tuple(status for status in Status if status is not Status.QUEUED)
CHUNKS_PER_LOOK = 10
MOST_FOUND = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient. status: a `Status` value, or `held` before release."""

    to: str
    status: str
    notes: tuple[Note, ...] = ()
    sent_at: datetime | None = None


async def count_batch(services: Services, batch: Stored[Batch]) -> dict[str, int]:
    """Recipients by status; together they are the batch's total. Two aggregation queries, whatever the size."""
    value = batch.value
    fields = [f"counts.{status.value}" for status in COUNTED]
    counts = await services.store.sums(f"{batch.path}/progress", fields)
    counts["queued"] = max(value.released - sum(counts.values()), 0)
    counts["held"] = value.total - value.released
    if value.status in ("cancelled", "failed"):
        counts[value.status] += counts["held"] + counts["queued"]
        counts["held"] = counts["queued"] = 0
    return counts


@dataclass(frozen=True, slots=True)
class Pace:
    """A batch under its domain's warm-up. cap: messages a day, None for no limit."""

    status: str
    paused_until: datetime | None
    level: int
    cap: int | None
    used_today: int


async def read_pace(services: Services, batch: Stored[Batch]) -> Pace:
    """A running batch that holds recipients is paused while its domain is: nothing is written for that."""
    value = batch.value
    weather = await look(services, value.domain)
    pause = weather.warmth.pause
    waits = value.status in ("planning", "sending") and value.released < value.total
    until = pause.until if waits and pause and pause.until > services.clock.now() else None
    standing = weather.standing
    return Pace(
        "paused" if until else value.status,
        until,
        standing.level,
        standing.cap,
        weather.allowance.volume.used,
    )


async def list_recipients(
    services: Services, batch_id: str, status: str | None, cursor: str, limit: int
) -> tuple[list[Line], str]:
    """Recipients in order of the batch, of one status or all; the cursor to go on with, empty at the end."""
    batch = await find_batch(services, batch_id)
    number, position = _read_cursor(cursor)
    lines: list[Line] = []
    while True:
        chunks = await services.store.find(
            Chunk,
            f"{batch.path}/chunks",
            after=f"{number - 1:06d}" if number else None,
            limit=CHUNKS_PER_LOOK,
        )
        known = {one.id: one.value for one in await _progresses(services, batch, number)}
        for chunk in chunks:
            progress = load_progress(known.get(chunk.id), chunk.value.count)
            for place, line in _lines(batch.value, chunk.value, progress, position, status):
                if len(lines) == limit:
                    return lines, f"{chunk.id}:{place}"
                lines.append(line)
            position = 0
        if len(chunks) < CHUNKS_PER_LOOK:
            return lines, ""
        number = int(chunks[-1].id) + 1


async def _progresses(services: Services, batch: Stored[Batch], first: int) -> list[Stored[ProgressFields]]:
    after = f"{first - 1:06d}" if first else None
    return await services.store.find(
        ProgressFields, f"{batch.path}/progress", after=after, limit=CHUNKS_PER_LOOK
    )


def _lines(
    batch: Batch, chunk: Chunk, progress: Progress, start: int, status: str | None
) -> Iterator[tuple[int, Line]]:
    wanted = [
        place
        for place in range(start, chunk.count)
        if status is None or shown_status(batch, progress.status(place), chunk.first + place) == status
    ]
    recipients = unpack(chunk) if wanted else []
    for place in wanted:
        shown = shown_status(batch, progress.status(place), chunk.first + place)
        yield place, _line(recipients[place].address, shown, progress, place)


def shown_status(batch: Batch, status: Status, position: int) -> str:
    if status is not Status.QUEUED:
        name: str = status.value
        return name
    if batch.status in ("cancelled", "failed"):
        return batch.status
    return "queued" if position < batch.released else "held"


def _line(address: str, status: str, progress: Progress, place: int) -> Line:
    detail = progress.details.get(place)
    sent = progress.sent_at(place)
    return Line(
        address, status, detail.notes if detail else (), datetime.fromtimestamp(sent, UTC) if sent else None
    )


def _read_cursor(cursor: str) -> tuple[int, int]:
    number, _, position = cursor.partition(":")
    if not cursor:
        return 0, 0
    if not (number.isdigit() and position.isdigit() and cursor.isascii() and len(cursor) < 20):
        raise Invalid("invalid_cursor", "A cursor is what the page before gave as next_cursor.", "cursor")
    return int(number), int(position)


async def find_message(services: Services, message_id: str) -> Stored[Message]:
    """Raises NotFound."""
    known = message_id.isascii() and message_id.isalnum()
    message = await services.store.get(Message, f"messages/{message_id}") if known else None
    if message is None:
        raise NotFound("message_not_found", f"There is no message {message_id!r}.")
    return message


def message_lines(message: Message) -> list[Line]:
    addresses: list[str] = inflate(message.recipients)
    progress = load_progress(message.progress, len(addresses))
    return [_line(to, progress.status(place).value, progress, place) for place, to in enumerate(addresses)]


def message_status(message: Message) -> str:
    """One word for up to 50 recipients: what is still to be done first, then what went wrong, then what went well."""
    counts = message.progress.counts
    order = "queued sending deferred uncertain complained bounced failed suppressed cancelled sent delivered".split()
    return next((name for name in order if counts.get(name)), "queued")


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that was sent, or is to be sent, to one address."""

    kind: str
    id: str
    subject: str
    sender: str
    created_at: datetime
    line: Line


async def sent_to(services: Services, address: str) -> list[Sent]:
    """Batches and messages, newest first; at most MOST_FOUND of each. Found by hash, confirmed by address."""
    where: Any = ("hashes", "array_contains", address_hash(address))
    found: list[Sent] = []
    for message in await services.store.find(Message, "messages", where, limit=MOST_FOUND):
        for line in message_lines(message.value):
            if line.to.lower() == address.lower():
                value = message.value
                found.append(Sent("send", message.id, value.subject, value.sender, value.created_at, line))
    for chunk in await services.store.find(Chunk, "chunks", where, everywhere=True, limit=MOST_FOUND):
        found += await _in_chunk(services, chunk, address)
    return sorted(found, key=lambda one: one.created_at, reverse=True)


async def _in_chunk(services: Services, chunk: Stored[Chunk], address: str) -> list[Sent]:
    path = chunk.path.rpartition("/chunks/")[0]
    batch = await services.store.get(Batch, path)
    if batch is None:
        return []
    fields = await services.store.get(ProgressFields, f"{path}/progress/{chunk.id}")
    progress = load_progress(fields.value, chunk.value.count) if fields else begin(chunk.value.count)
    found: list[Sent] = []
    for place, recipient in enumerate(unpack(chunk.value)):
        if recipient.address.lower() == address.lower():
            shown = shown_status(batch.value, progress.status(place), chunk.value.first + place)
            line = _line(recipient.address, shown, progress, place)
            value = batch.value
            found.append(Sent("batch", batch.id, value.name, value.sender, value.created_at, line))
    return found
