"""Plan: copies a list into the chunks of a batch, a stretch of pages at a time.

A page of a list and a chunk of a batch have the same form, so nothing is unpacked on the way. Repeating a stretch writes
the same documents again; the batch's own count moves only from the state it was read in.
"""

from __future__ import annotations

from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.delivery.finish_batch import finish_batch
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.errors import Moved
from warmpost.rules.delivery.chunks import Chunk, pack, unpack
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.model.tasks import batch_task, next_turn
from warmpost.rules.model.writes import Put, Update

PAGES_PER_STEP = 20
PAGES_PER_COMMIT = 4
STEPS_PER_TASK = 10


async def plan_batch(services: Services, batch_id: str, turn: str = "") -> None:
    """turn: the task's own name. Raises NotStoredYetError; errors.Unavailable: the task comes again."""
    path = f"batches/{batch_id}"
    for _ in range(STEPS_PER_TASK):
        batch = await services.store.get(Batch, path)
        if batch is None:
            raise NotStoredYetError(path)
        if is_planned(batch.value):
            await _queue_release(services, batch_id, batch.value)
            return
        if batch.value.status not in (BatchStatus.PLANNING, BatchStatus.PAUSED):
            return
        after = await copy_pages(services, batch.path, batch.value)
        try:
            changes = _changes(batch.value, after)
            await services.store.commit(Update(path, changes, batch.version, bill=batch_id))
        except Moved:
            continue
        await _queue_release(services, batch_id, after)
        if is_planned(after):
            if after.total == 0:
                await finish_batch(services, batch_id)
            return
    await services.tasks.enqueue(next_turn("plan", batch_id, turn))


async def _queue_release(services: Services, batch_id: str, batch: Batch) -> None:
    """Named by how much is planned: whoever planned it may have ended before this, so that it is asked for again."""
    await services.tasks.enqueue(batch_task("release", batch_id, "planned", batch.planned))


def is_planned(batch: Batch) -> bool:
    return batch.planned >= batch.total


def _changes(before: Batch, after: Batch) -> dict[str, object]:
    changes: dict[str, object] = {
        "planned": after.planned,
        "chunks": after.chunks,
        "total": after.total,
    }
    if is_planned(after) and before.status is BatchStatus.PLANNING:
        changes["status"] = BatchStatus.SENDING
    return changes


async def copy_pages(services: Services, path: str, batch: Batch) -> Batch:
    """The batch with the next pages copied; each becomes one chunk, the last cut to what was submitted.

    A gap means that the list is being deleted: the batch ends before it.
    """
    pages = await services.store.find(
        Chunk,
        f"lists/{batch.list_id}/pages",
        after=f"{batch.chunks - 1:06d}" if batch.chunks else None,
        limit=min(PAGES_PER_STEP, batch.list_pages - batch.chunks),
    )
    planned, puts = batch.planned, []
    pages = [page for number, page in enumerate(pages, batch.chunks) if page.id == f"{number:06d}"]
    for number, page in enumerate(pages, batch.chunks):
        chunk = _cut(page.value, planned, batch.total - planned)
        puts.append(Put(f"{path}/chunks/{number:06d}", chunk))
        planned += chunk.count
    for start in range(0, len(puts), PAGES_PER_COMMIT):
        await services.store.commit(*puts[start : start + PAGES_PER_COMMIT])
    chunks = batch.chunks + len(pages)
    exhausted = chunks >= batch.list_pages or not pages
    return replace(batch, planned=planned, chunks=chunks, total=planned if exhausted else batch.total)


def _cut(page: Chunk, first: int, room: int) -> Chunk:
    if page.count <= room:
        return replace(page, first=first)
    return pack(first, unpack(page)[:room])
