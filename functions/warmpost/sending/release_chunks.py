"""Release: takes from a batch's held recipients what the domain may send today and queues their delivery.

The domain's volume and the batch's position move in one commit, before anything is queued; the tasks are named after
the stretch they deliver, so that queueing them again makes no second ones. Nothing is written per recipient.
"""

from __future__ import annotations

from warmpost.errors import Moved
from warmpost.rules.chunks import MOST_RECIPIENTS
from warmpost.rules.days import day_of
from warmpost.rules.documents import Batch, Day
from warmpost.rules.identities import task_name
from warmpost.rules.tasks import Task
from warmpost.rules.writes import Create, Stored, Update, Write
from warmpost.sending.finish_batch import finish_batch
from warmpost.sending.parcels import Errand
from warmpost.sending.ports import Services

MOST_AT_ONCE = 100 * MOST_RECIPIENTS
STEPS_PER_TASK = 5
RUNNING = ("planning", "sending")


class ReleaseMissingError(Exception):
    """The task overtook its batch, or the batch was never accepted."""


async def release_chunks(services: Services, batch_id: str) -> None:
    """Raises ReleaseMissingError; errors.Unavailable: the task comes again."""
    for _ in range(STEPS_PER_TASK):
        batch = await services.store.get(Batch, f"batches/{batch_id}")
        if batch is None:
            raise ReleaseMissingError(batch_id)
        value = batch.value
        if value.status not in RUNNING:
            return
        try:
            if value.queued < value.released:
                await _queue(services, batch)
            elif value.released < value.planned:
                await _release(services, batch)
            else:
                await finish_batch(services, batch_id)
                return
        except Moved:
            continue
    name = task_name("release", batch_id, value.generation, value.released, value.queued)
    await services.tasks.enqueue(Task("release", {"batch": batch_id}, name))


async def _release(services: Services, batch: Stored[Batch]) -> None:
    """One commit reserves the day's volume and moves the batch's position, or neither. Raises errors.Moved."""
    value = batch.value
    wanted = min(value.planned - value.released, MOST_AT_ONCE)
    day_path = f"domains/{value.domain}/days/{day_of(services.clock.now(), services.policy.time_zone)}"
    day = await services.store.get(Day, day_path)
    reserve: Write = (
        Update(day_path, {"reserved": day.value.reserved + wanted}, day.version)
        if day
        else Create(day_path, Day(reserved=wanted))
    )
    await services.store.commit(
        reserve, Update(batch.path, {"released": value.released + wanted}, batch.version)
    )


async def _queue(services: Services, batch: Stored[Batch]) -> None:
    """One deliver task per chunk of the stretch that is released and not queued yet. Raises errors.Moved."""
    value = batch.value
    finished = await _finished_chunks(services, batch) if value.generation else frozenset()
    found = await services.store.fields(
        f"{batch.path}/chunks",
        ("first", ">", value.queued - MOST_RECIPIENTS),
        ("first", "<", value.released),
        select=("first", "count"),
        order_by="first",
    )
    tasks: list[Task] = []
    for chunk, fields in found:
        first = max(value.queued - fields["first"], 0)
        end = min(value.released - fields["first"], fields["count"])
        if first < end and chunk not in finished:
            errand = Errand(batch.id, chunk, first=first, end=end, generation=value.generation)
            name = task_name("deliver", batch.id, chunk, first, value.generation)
            tasks.append(Task("deliver", errand.as_body(), name, queue="deliver"))
    await services.tasks.enqueue(*tasks)
    await services.store.commit(Update(batch.path, {"queued": value.released}, batch.version))


async def _finished_chunks(services: Services, batch: Stored[Batch]) -> frozenset[str]:
    """After a resume the tasks are made anew, but not for chunks that have nothing left to do."""
    rows = await services.store.fields(f"{batch.path}/progress", ("finished", "==", True), select=("seq",))
    return frozenset(chunk for chunk, _ in rows)
