"""A delivery that was asked to tries uncertain recipients again, as the same messages."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery, DeliveryJob
from warmpost.actions.delivery.find import find_batch, find_message
from warmpost.actions.delivery.leases import Lease
from warmpost.actions.delivery.recipient_status import read_chunk_statuses, read_message_statuses
from warmpost.rules.delivery import progress as rules
from warmpost.rules.delivery.documents import BatchStatus
from warmpost.rules.delivery.progress import Note, Progress, Result
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.events.reported_status import ReportedStatus, combined
from warmpost.rules.model.writes import Update, Write

TRIED_AGAIN = "tried again, as the sender wants it"

ON_ITS_WAY: dict[str, object] = {"status": BatchStatus.SENDING, "finished_at": None}


def uncertain_places(progress: Progress, reported: ReportedStatus) -> list[int]:
    return [
        place
        for place in progress.positions(Status.UNCERTAIN)
        if combined(Status.UNCERTAIN, reported, place) is Status.UNCERTAIN
    ]


async def try_again(services: Services, delivery: ChunkDelivery, lease: Lease) -> list[int]:
    """The positions that a delivery which was asked to is to try again, now deferred and due.

    In one commit with the batch, which so is not found done meanwhile. Raises LeaseLostError.
    """
    job, progress = delivery.job, lease.progress
    if not job.resend or delivery.ending:
        return []
    count = len(delivery.recipients)
    if job.message:
        found = await find_message(services, job.message)
        reported = (await read_message_statuses(services.store, found.id, found.value)).reported
    else:
        reported = (await read_chunk_statuses(services.store, job.batch, job.chunk, count)).reported
    places = [
        place
        for place in uncertain_places(progress, reported)
        if progress.details[place].notes[-1].at < job.resend and (not job.only or place in job.only)
    ]
    if places:
        now = services.clock.timestamp()
        again = Result(Status.DEFERRED, Note(now, Status.DEFERRED, TRIED_AGAIN), tried=False)
        after = rules.record(progress, dict.fromkeys(places, again), now)
        await lease.write(after, *await _open_again(services, job))
    return places


async def _open_again(services: Services, job: DeliveryJob) -> list[Write]:
    if not job.batch:
        return []
    batch = await find_batch(services, job.batch)
    changes = ON_ITS_WAY if batch.value.status is BatchStatus.DONE else {"status": batch.value.status}
    return [Update(batch.path, changes, batch.version)]
