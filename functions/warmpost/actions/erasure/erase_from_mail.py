"""The steps over what was sent or is to be sent: chunks of batches, messages, and what was noted about their recipients.

Who is erased from a chunk that waits is passed over when its turn comes (see `Suppressed.among`).
"""

from __future__ import annotations

from itertools import groupby

from warmpost.actions.delivery.delivery_job import message_content_path
from warmpost.actions.erasure.erasing import Erasing, StepResult, change
from warmpost.rules.delivery.chunks import Chunk
from warmpost.rules.delivery.documents import Message, ProgressFields
from warmpost.rules.delivery.progress import pack_details
from warmpost.rules.delivery.stored_progress import load_progress
from warmpost.rules.erasure.redaction import (
    erase_addresses,
    erase_from_chunk,
    forget_reported_words,
    forget_words,
    without,
)
from warmpost.rules.events.documents import ReportedStatusFields
from warmpost.rules.events.event_packing import pack_reported_status, unpack_reported_status
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.model.writes import Delete, Update

PLACES_AT_ONCE = 200


async def erase_from_batches(erasing: Erasing) -> StepResult:
    store = erasing.services.store
    found = await store.fields(
        "chunks", ("hashes", "array_contains", erasing.hashed), select=("first",), everywhere=True
    )

    async def erase(path: str) -> bool:
        chunk = await store.get(Chunk, path)
        if chunk is None:
            return False
        left, places = erase_from_chunk(chunk.value, erasing.address)
        if places:
            changes = {"recipients": left.recipients, "hashes": left.hashes}
            await store.commit(Update(path, changes, chunk.version))
        return bool(places)

    return StepResult(sum([await change(erase, path) for path, _ in found]))


async def erase_from_messages(erasing: Erasing) -> StepResult:
    """The content goes as a whole, whoever else it went to: it may speak of the one who is erased."""
    store = erasing.services.store
    found = await store.fields(
        "messages", ("hashes", "array_contains", erasing.hashed), select=("created_at",)
    )
    erased = waiting = 0
    for id, _ in found:
        done = await change(_erase_message, erasing, f"messages/{id}")
        erased, waiting = erased + done, waiting + (not done)
    return StepResult(erased, waiting=waiting)


async def _erase_message(erasing: Erasing, path: str) -> bool:
    """False while the message is on its way."""
    store = erasing.services.store
    stored = await store.get(Message, path)
    if stored is None:
        return True
    value = stored.value
    addresses = inflate(value.recipients)
    named, hashes = erase_addresses(addresses, value.hashes, erasing.address)
    if named == addresses:
        return True
    if not value.progress.finished:
        return False
    places = [at for at, one in enumerate(addresses) if one.lower() == erasing.address]
    progress = forget_words(load_progress(value.progress, len(addresses)), places)
    changes = {
        "recipients": deflate(named),
        "hashes": tuple(hashes),
        "subject": "",
        "message_content": b"",
        "parts": 0,
        "tags": without(value.tags, erasing.wanted),
        "progress.details": pack_details(progress) if value.progress.details else b"",
    }
    content = message_content_path(stored.id, value.digest)
    parts = [Delete(f"{content}/parts/{number:03d}") for number in range(value.parts)]
    await store.commit(Update(path, changes, stored.version), *parts)
    return True


async def erase_from_records(erasing: Erasing) -> StepResult:
    """Words of servers about the places; those of a chunk that is not finished wait until it is."""
    first = int(erasing.after or 0)
    some = erasing.places[first : first + PLACES_AT_ONCE]
    erased = waiting = 0
    for (path, chunk), places in groupby(some, key=lambda one: one[:2]):
        positions = [position for _, _, position in places]
        erased += await change(_erase_reported, erasing, path, chunk, positions)
        if chunk:
            done = await change(_erase_progress, erasing, path, chunk, positions)
            waiting += not done
    following = first + PLACES_AT_ONCE
    return StepResult(erased, str(following) if following < len(erasing.places) else "", waiting)


async def _erase_progress(erasing: Erasing, path: str, chunk: str, positions: list[int]) -> bool:
    """False while a worker may still write about the chunk."""
    store = erasing.services.store
    kept = await store.get(Chunk, f"{path}/chunks/{chunk}")
    stored = await store.get(ProgressFields, f"{path}/progress/{chunk}")
    if kept is None or stored is None or not stored.value.details:
        return stored is None or stored.value.finished
    if not stored.value.finished:
        return False
    before = load_progress(stored.value, kept.value.count)
    after = forget_words(before, [position - kept.value.first for position in positions])
    if after != before:
        await store.commit(Update(stored.path, {"details": pack_details(after)}, stored.version))
    return True


async def _erase_reported(erasing: Erasing, path: str, chunk: str, positions: list[int]) -> bool:
    store = erasing.services.store
    stored = await store.get(ReportedStatusFields, f"{path}/reported_status/{chunk or 'all'}")
    kept = await store.get(Chunk, f"{path}/chunks/{chunk}") if chunk else None
    first = kept.value.first if kept else 0
    if stored is None:
        return False
    before = unpack_reported_status(stored.value.content)
    after = forget_reported_words(before, [position - first for position in positions])
    if after == before:
        return False
    await store.commit(Update(stored.path, {"content": pack_reported_status(after)}, stored.version))
    return True
