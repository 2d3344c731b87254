"""Pause, resume and cancel a batch: what is already with a relay stays, the rest stops between two claim batches."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.delivery.find import find_batch
from warmpost.errors import Conflict, Moved
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.model.tasks import Task, batch_task
from warmpost.rules.model.writes import Stored, Update

ENDED: tuple[BatchStatus, ...] = ("done", "cancelled", "failed")
TRIES = 10


async def pause_batch(services: Services, batch_id: str) -> None:
    """Raises NotFound, or Conflict where the batch has ended. Pausing twice is pausing once."""
    await _change(services, batch_id, "paused")


async def cancel_batch(services: Services, batch_id: str) -> None:
    """Whoever was not handed over becomes `cancelled`, and the volume reserved for them comes back.

    Raises NotFound, Conflict.
    """
    after = await _change(services, batch_id, "cancelled")
    await services.tasks.enqueue(batch_task("release", batch_id, "cancelled", after.value.generation))
    # Chunks begun before: their own tasks may have come and gone while the batch was paused.
    begun = await services.store.fields(
        f"batches/{batch_id}/progress", ("finished", "==", False), select=("seq",)
    )
    for chunk, _ in begun:
        name = task_name("deliver", batch_id, chunk, "cancelled")
        await services.tasks.enqueue(
            Task("deliver", DeliveryJob(batch_id, chunk).as_body(), name, queue="deliver")
        )


async def resume_batch(services: Services, batch_id: str) -> None:
    """Tasks that came while it was paused did nothing, so they are made anew under the next generation."""
    after = await _change(services, batch_id, "sending")
    if after.value.planned < after.value.total:
        planning = batch_task("plan", batch_id, after.value.generation, after.value.chunks)
        await services.tasks.enqueue(planning)
    await services.tasks.enqueue(batch_task("release", batch_id, "resumed", after.value.generation))


async def _change(services: Services, batch_id: str, status: BatchStatus) -> Stored[Batch]:
    for _ in range(TRIES):
        batch = await find_batch(services, batch_id)
        value = batch.value
        if value.status in ENDED and value.status != status:
            raise Conflict(f"batch_{value.status}", f"The batch is {value.status} already.")
        changes = _changes(value, status)
        if not changes:
            return batch
        if status == "cancelled":
            changes["finished_at"] = services.clock.now()
        try:
            await services.store.commit(Update(batch.path, changes, batch.version))
        except Moved:
            continue
        return await find_batch(services, batch_id)
    raise Conflict("changed_meanwhile", "The batch keeps changing just now; try again.")


def _changes(batch: Batch, status: BatchStatus) -> dict[str, object]:
    if status == "sending":
        if batch.status != "paused":
            return {}
        running = "sending" if batch.planned >= batch.total else "planning"
        return {"status": running, "queued": 0, "generation": batch.generation + 1}
    if batch.status == status:
        return {}
    if batch.status == "paused":  # the tasks that would end the released ones did nothing
        return {"status": status, "queued": 0, "generation": batch.generation + 1}
    return {"status": status}
