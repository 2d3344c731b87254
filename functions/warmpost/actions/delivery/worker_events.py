"""What a delivery found, as events: for what follows from it elsewhere, as it does from a relay's reports."""

from __future__ import annotations

from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery
from warmpost.actions.warmup.day_counters import additions, circumstances
from warmpost.rules.delivery.progress import Note, Progress
from warmpost.rules.delivery.simulator import READERS, scenario_of
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.events.day_counters import count_outcomes, not_booked
from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.events import Event, EventKind, Target
from warmpost.rules.model.writes import Write

KINDS: dict[Status, EventKind] = {
    Status.BOUNCED: "bounced",
    Status.DEFERRED: "deferred",
    Status.SUPPRESSED: "dropped",
    Status.FAILED: "dropped",
    Status.DELIVERED: "delivered",
}


def worker_events(
    services: Services, delivery: ChunkDelivery, before: Progress, after: Progress
) -> list[Event]:
    """One for every recipient whose status changed to something that others hear of.

    What the simulator's readers do follows their delivery, as from outside.
    """
    found: list[Event] = []
    kinds = KINDS | {Status.SENT: "sent"} if delivery.tells_sent else KINDS
    for position, recipient in enumerate(delivery.recipients):
        status = after.status(position)
        if status not in kinds or (
            status is before.status(position) and after.details.get(position) == before.details.get(position)
        ):
            continue
        target = Target(
            delivery.job.batch, delivery.job.message, delivery.first + position, recipient.address
        )
        detail = after.details.get(position)
        note = detail.notes[-1] if detail and detail.notes else Note(after.sent_at(position), status)
        found.append(_event(kinds[status], "worker", target, note))
        scenario = scenario_of(recipient.address, services.policy.simulator_domain)
        if status is Status.DELIVERED and scenario in READERS:
            found.append(_event(READERS[scenario], "simulator", target, note))
    return found


def _event(kind: EventKind, source: str, target: Target, note: Note) -> Event:
    return Event(
        id=short_hash(target.batch, target.message, target.position, kind, note.at, source),
        kind=kind,
        at=note.at,
        target=target,
        source=source,
        code=note.code,
        enhanced_code=note.enhanced_code,
        text=note.text,
        relay=note.relay,
    )


def book(services: Services, delivery: ChunkDelivery, progress: Progress) -> tuple[Progress, list[Write]]:
    """The progress with everything booked, and the additions that go into the same commit."""
    addresses = [one.address for one in delivery.recipients]
    given = circumstances(
        services,
        addresses,
        delivery.pool,
        bool(delivery.job.batch),
        delivery.message_content.track.opens,
        delivery.is_test,
    )
    found = count_outcomes(progress, given)
    news = not_booked(found, progress.booked)
    if not news:
        return progress, []
    name = delivery.job.batch or "send"
    writes = [
        additions(delivery.domain.domain, name, delivery.job.path, day, news[day]) for day in sorted(news)
    ]
    return replace(progress, booked=found), writes
