"""A batch is done when every recipient of every chunk has come to an end."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.actions.storage.log import log_event
from warmpost.errors import Moved
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.model.writes import Stored, Update


async def finish_batch(services: Services, batch_id: str) -> None:
    """Called whenever a chunk finishes; the last one finds all finished. Calling it again changes nothing."""
    path = f"batches/{batch_id}"
    batch = await services.store.get(Batch, path)
    if batch is None or not await is_complete(services, batch):
        return
    changes = {"status": "done", "finished_at": services.clock.now()}
    try:
        await services.store.commit(Update(path, changes, batch.version, bill=batch_id))
    except Moved:
        await finish_batch(services, batch_id)
        return
    value, seconds = batch.value, (services.clock.now() - batch.value.created_at).total_seconds()
    log_event(
        "batch_done",
        f"batch {batch_id} is done",
        batch=batch_id,
        domain=value.domain,
        recipients=value.total,
        seconds=round(seconds),
    )


async def is_complete(services: Services, batch: Stored[Batch]) -> bool:
    value = batch.value
    if value.status != "sending" or value.released < value.total or value.planned < value.total:
        return False
    finished = await services.store.count(f"{batch.path}/progress", ("finished", "==", True))
    return finished >= value.chunks
