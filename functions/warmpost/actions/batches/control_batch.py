"""Pause, resume and cancel a batch: what is already with a relay stays, the rest stops between two claim batches."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import DeliveryJob, route
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.outages.sleep_through_outage import outage_path
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import Conflict
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.model.tasks import batch_task
from warmpost.rules.model.writes import Stored, Update
from warmpost.rules.outages.outages import Outage


async def pause_batch(services: Services, batch_id: str) -> None:
    """Raises NotFound, or Conflict where the batch has ended. Pausing twice is pausing once."""
    await _change(services, batch_id, BatchStatus.PAUSED)


async def cancel_batch(services: Services, batch_id: str, reason: str = "") -> None:
    """Whoever was not handed over becomes `cancelled`, and the volume reserved for them comes back. reason: shown with it.

    Raises NotFound, Conflict.
    """
    after = await _change(services, batch_id, BatchStatus.CANCELLED, reason)
    await services.tasks.enqueue(batch_task("release", batch_id, "cancelled", after.value.generation))
    # Chunks begun before: their own tasks may have come and gone while the batch was paused.
    begun = await services.store.fields(
        f"batches/{batch_id}/progress", ("finished", "==", False), select=("seq",)
    )
    for chunk, _ in begun:
        name = task_name("deliver", batch_id, chunk, "cancelled")
        job = DeliveryJob(batch_id, chunk, generation=after.value.generation)
        await services.tasks.enqueue(job.task(name))


async def resume_batch(services: Services, batch_id: str) -> None:
    """Tasks that came while it was paused did nothing, so they are made anew under the next generation."""
    after = await _change(services, batch_id, BatchStatus.SENDING)
    if after.value.planned < after.value.total:
        planning = batch_task("plan", batch_id, after.value.generation, after.value.chunks)
        await services.tasks.enqueue(planning)
    await services.tasks.enqueue(batch_task("release", batch_id, "resumed", after.value.generation))


async def _change(services: Services, batch_id: str, status: BatchStatus, reason: str = "") -> Stored[Batch]:
    busy = Conflict("changed_meanwhile", "The batch keeps changing just now; try again.")
    await retry_on_conflict(lambda: _changed(services, batch_id, status, reason), otherwise=busy)
    return await find_batch(services, batch_id)


async def _changed(services: Services, batch_id: str, status: BatchStatus, reason: str) -> None:
    batch = await find_batch(services, batch_id)
    now = batch.value.status
    if now.has_ended and now is not status:
        raise Conflict(f"batch_{now}", f"The batch is {now} already.")
    asleep = status.has_ended and await _is_asleep(services, batch)
    changes = _changes(batch.value, status, asleep)
    if changes and status is BatchStatus.CANCELLED:
        changes |= {"finished_at": services.clock.now(), "reason": reason}
    if changes:
        await services.store.commit(Update(batch.path, changes, batch.version))
        services.cache.forget(batch.path)


async def _is_asleep(services: Services, batch: Stored[Batch]) -> bool:
    _, pool = await route(services, batch.value.domain)
    outage = await services.store.get(Outage, outage_path(pool.name))
    return bool(outage and outage.value.knows(batch.id, batch.value.generation))


def _changes(batch: Batch, status: BatchStatus, asleep: bool) -> dict[str, object]:
    if status is BatchStatus.SENDING:
        if batch.status is not BatchStatus.PAUSED:
            return {}
        running = BatchStatus.SENDING if batch.planned >= batch.total else BatchStatus.PLANNING
        return {"status": running, "queued": 0, "generation": batch.generation + 1}
    if batch.status is status:
        return {}
    if batch.status is BatchStatus.PAUSED or asleep:  # the tasks that would end the released ones did nothing
        return {"status": status, "queued": 0, "generation": batch.generation + 1}
    return {"status": status}
