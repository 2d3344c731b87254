"""A delivery that was asked to tries uncertain recipients again, as the same messages."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import Errand, Parcel
from warmpost.actions.delivery.find import find_batch, find_message
from warmpost.actions.delivery.leases import Claims
from warmpost.actions.delivery.recipient_status import read_chunk_trace, read_message_trace
from warmpost.rules.delivery import progress as rules
from warmpost.rules.delivery.progress import Note, Progress, Result
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.events.reported_status import Reactions, combined
from warmpost.rules.model.writes import Update, Write

TRIED_AGAIN = "tried again, as the sender wants it"

ON_ITS_WAY: dict[str, object] = {"status": "sending", "finished_at": None}


def uncertain_places(progress: Progress, reactions: Reactions) -> list[int]:
    return [
        place
        for place in progress.positions(Status.UNCERTAIN)
        if combined(Status.UNCERTAIN, reactions, place) is Status.UNCERTAIN
    ]


async def try_again(services: Services, parcel: Parcel, claims: Claims) -> list[int]:
    """The positions that a delivery which was asked to is to try again, now deferred and due.

    In one commit with the batch, which so is not found done meanwhile. Raises LeaseLostError.
    """
    errand, progress = parcel.errand, claims.progress
    if not errand.resend or parcel.ending:
        return []
    count = len(parcel.recipients)
    if errand.message:
        found = await find_message(services, errand.message)
        reactions = (await read_message_trace(services.store, found.id, found.value)).reactions
    else:
        reactions = (await read_chunk_trace(services.store, errand.batch, errand.chunk, count)).reactions
    places = [
        place
        for place in uncertain_places(progress, reactions)
        if progress.details[place].notes[-1].at < errand.resend
    ]
    if places:
        now = services.clock.timestamp()
        again = Result(Status.DEFERRED, Note(now, Status.DEFERRED, TRIED_AGAIN), tried=False)
        after = rules.record(progress, dict.fromkeys(places, again), now)
        await claims.write(after, *await _open_again(services, errand))
    return places


async def _open_again(services: Services, errand: Errand) -> list[Write]:
    if not errand.batch:
        return []
    batch = await find_batch(services, errand.batch)
    changes = ON_ITS_WAY if batch.value.status == "done" else {"status": batch.value.status}
    return [Update(batch.path, changes, batch.version)]
