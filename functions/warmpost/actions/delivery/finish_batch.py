"""A batch is done when every recipient of every chunk has come to an end."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.model.writes import Stored, Update


async def finish_batch(services: Services, batch_id: str) -> None:
    """Called whenever a chunk finishes; the last one finds all finished. Calling it again changes nothing."""
    value = await retry_on_conflict(lambda: _finished(services, batch_id))
    if value is None:
        return
    seconds = (services.clock.now() - value.created_at).total_seconds()
    log_event(
        "batch_done",
        f"batch {batch_id} is done",
        batch=batch_id,
        domain=value.domain,
        recipients=value.total,
        seconds=round(seconds),
    )


async def _finished(services: Services, batch_id: str) -> Batch | None:
    """The batch that is done from now on; None where it is not, or was before."""
    batch = await services.store.get(Batch, f"batches/{batch_id}")
    if batch is None or not await is_complete(services, batch):
        return None
    changes = {"status": BatchStatus.DONE, "finished_at": services.clock.now()}
    await services.store.commit(Update(batch.path, changes, batch.version, bill=batch_id))
    return batch.value


async def is_complete(services: Services, batch: Stored[Batch]) -> bool:
    value = batch.value
    if value.status is not BatchStatus.SENDING or value.released < value.total or value.planned < value.total:
        return False
    finished = await services.store.count(f"{batch.path}/progress", ("finished", "==", True))
    return finished >= value.chunks
