"""Uncertain: what the sender decides about recipients of whom nobody knows whether the relay took their message.

Tried again, they are deferred recipients that are due: under the same Message-ID, and within the volume they were counted
in. Given up, a note beside the worker's record shows them as failed. A later report of the relay or a reader's
action, which prove more than anybody decides, still hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.delivery.find import find_batch, find_message, require_content
from warmpost.actions.delivery.recipient_status import (
    RecipientStatuses,
    read_chunk_statuses,
    read_message_statuses,
)
from warmpost.actions.delivery.resend_uncertain import ON_ITS_WAY, uncertain_places
from warmpost.actions.outbox.event_log import log_events
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import Conflict
from warmpost.rules.delivery.chunks import MOST_RECIPIENTS, Chunk, unpack
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import short_hash, task_name
from warmpost.rules.model.events import Event, Target
from warmpost.rules.model.tasks import Task, batch_task
from warmpost.rules.model.writes import Update

Places = Mapping[str, Sequence[int]]
"""Of uncertain recipients, by chunk."""

GIVEN_UP = "the sender gave this recipient up"
MAKE_SURE = timedelta(seconds=15)
"""After which a batch is looked at that was opened again by a request that came to nothing."""


async def settle_batch(
    services: Services, batch_id: str, resend: bool, addresses: Sequence[str] | None = None
) -> int:
    """How many recipients it is about; addresses: which of them, None for all. Asking twice for the same is asking once.

    Raises NotFound, Conflict.
    """
    batch = await find_batch(services, batch_id)
    _refuse(batch.value, resend)
    rows = await services.store.fields(
        f"{batch.path}/progress", ("counts.uncertain", ">", 0), select=("seq",), order_by="counts.uncertain"
    )
    chunks = sorted(chunk for chunk, _ in rows)
    statuses = await gather_limited(
        read_chunk_statuses(services.store, batch.id, chunk, MOST_RECIPIENTS) for chunk in chunks
    )
    found: Places = {
        chunk: places
        for chunk, one in zip(chunks, statuses, strict=True)
        if (places := uncertain_places(one.progress, one.reported))
    }
    if addresses is not None:
        found = await _of_addresses(services, batch.path, found, addresses)
    if resend:
        await _resend_chunks(services, batch.id, found, all_of_them=addresses is None)
    else:
        await _give_up(services, batch.id, found, dict(zip(chunks, statuses, strict=True)))
    return sum(map(len, found.values()))


async def _give_up(
    services: Services, batch_id: str, found: Places, statuses: Mapping[str, RecipientStatuses]
) -> None:
    firsts = await _firsts(services, f"batches/{batch_id}", found)
    events = [
        _given_up(services, statuses[chunk], place, Target(batch_id, position=firsts[chunk] + place))
        for chunk, places in found.items()
        for place in places
    ]
    await log_events(services, "sender", events)


async def _of_addresses(services: Services, path: str, found: Places, addresses: Sequence[str]) -> Places:
    wanted = {one.lower() for one in addresses}
    chosen: dict[str, list[int]] = {}
    for chunk, places in found.items():
        stored = await services.store.get(Chunk, f"{path}/chunks/{chunk}")
        known = [one.address.lower() for one in unpack(stored.value)] if stored else []
        if some := [place for place in places if place < len(known) and known[place] in wanted]:
            chosen[chunk] = some
    return chosen


async def settle_message(
    services: Services, message_id: str, resend: bool, addresses: Sequence[str] | None = None
) -> int:
    """The same for a single send. Raises NotFound."""
    message = await find_message(services, message_id)
    if resend:
        require_content(message.value)
    found = await read_message_statuses(services.store, message.id, message.value)
    places = uncertain_places(found.progress, found.reported)
    if addresses is not None:
        wanted = {one.lower() for one in addresses}
        known = [one.lower() for one in inflate(message.value.recipients)]
        places = [place for place in places if known[place] in wanted]
    if not places:
        return 0
    if resend:
        only = tuple(places) if addresses is not None else ()
        await services.tasks.enqueue(_again(services, DeliveryJob(message=message.id, only=only)))
    else:
        targets = [Target(message=message.id, position=place) for place in places]
        await log_events(
            services, "sender", [_given_up(services, found, one.position, one) for one in targets]
        )
    return len(places)


def _refuse(batch: Batch, resend: bool) -> None:
    if batch.status.unsent_become:
        raise Conflict(
            f"batch_{batch.status}",
            f"The batch is {batch.status}; what is uncertain of it is settled by reports alone.",
        )
    if resend:
        require_content(batch)
    if batch.status is BatchStatus.PAUSED and resend:
        raise Conflict("batch_paused", "A paused batch sends nothing; resume it first.")


async def _firsts(services: Services, path: str, chunks: Mapping[str, object]) -> dict[str, int]:
    rows = await services.store.fields(f"{path}/chunks", select=("first",)) if chunks else []
    return {chunk: fields["first"] for chunk, fields in rows}


def _given_up(services: Services, found: RecipientStatuses, place: int, target: Target) -> Event:
    """Its id is that of the doubt it ends."""
    doubt = found.progress.details[place].notes[-1].at
    id = short_hash("given up", target.batch, target.message, target.position, doubt)
    return Event(id, "dropped", services.clock.timestamp(), target, "sender", text=GIVEN_UP)


async def _resend_chunks(services: Services, batch_id: str, found: Places, *, all_of_them: bool) -> None:
    """A batch that was done is on its way again before the first of its chunks is.

    Queued before that is a look at it, which ends it where nothing comes of this.
    """
    if not found:
        return
    now = services.clock.now()
    look = batch_task("release", batch_id, "uncertain", round(now.timestamp() * 1000))
    await services.tasks.enqueue(replace(look, at=now + MAKE_SURE))
    generation = await retry_on_conflict(lambda: _open_again(services, batch_id))
    jobs = [
        DeliveryJob(batch_id, chunk, generation=generation, only=() if all_of_them else tuple(places))
        for chunk, places in sorted(found.items())
    ]
    await services.tasks.enqueue(*(_again(services, one) for one in jobs))


async def _open_again(services: Services, batch_id: str) -> int:
    """The generation of the batch, which is not done any more."""
    batch = await find_batch(services, batch_id)
    _refuse(batch.value, resend=True)
    if batch.value.status is BatchStatus.DONE:
        await services.store.commit(Update(batch.path, ON_ITS_WAY, batch.version))
    return batch.value.generation


def _again(services: Services, job: DeliveryJob) -> Task:
    """What is uncertain later than now needs another word: the task may be delivered twice."""
    now = services.clock.timestamp()
    only = (short_hash(*job.only, length=8),) if job.only else ()
    name = task_name(job.path.replace("/", "-"), "uncertain", round(now * 1000), *only)
    return replace(job, resend=now).task(name)
