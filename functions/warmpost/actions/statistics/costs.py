"""What batches and periods used up: from the figures that workers book, and from the batches themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warmpost.actions.context import Services
from warmpost.actions.statistics.statistics import Booked, GroupBy, StatisticsQuery
from warmpost.actions.storage.gather import gather_limited
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.listings.listing import ListedBatch
from warmpost.rules.model.days import day_of
from warmpost.rules.model.usage import REST, Usage
from warmpost.rules.model.writes import Stored

NOT_A_BATCH = ("send", REST)
HANDED_OVER = (
    Status.SENT,
    Status.DELIVERED,
    Status.DEFERRED,
    Status.BOUNCED,
    Status.COMPLAINED,
    Status.UNCERTAIN,
)


@dataclass(frozen=True, slots=True)
class Spent:
    """labels: one per grain asked for, but those that no cost is known by: provider, tag, link."""

    labels: Mapping[str, str]
    usage: Usage


async def batch_usage(services: Services, batch: Stored[Batch] | Stored[ListedBatch]) -> Usage:
    """What its documents tell so far; what a process has not written down yet is missing."""
    booked = await services.store.find(Booked, "figures", ("name", "==", batch.id), everywhere=True)
    return sum((one.value.cost for one in booked), batch.value.cost)


def messages(counts: Mapping[str, int]) -> int:
    """Of a batch's counts, those that met a relay, or the simulator in its place."""
    return sum(counts[status.value] for status in HANDED_OVER)


async def period_usage(
    services: Services, question: StatisticsQuery, found: Sequence[Booked], grains: Sequence[GroupBy]
) -> list[Spent]:
    """In order of the labels. found: what was booked in the period.

    A batch's own part counts for the day it was submitted on, if it sent anything within the period.
    """
    parts = [*found, *await _begun(services, question, {one.name for one in found})]
    totals: dict[tuple[str, ...], Usage] = {}
    for one in parts:
        if question.batch in ("", one.name):
            known = {"day": one.day, "domain": one.domain, "batch": one.name}
            labels = tuple(known[group_by] for group_by in grains if group_by in known)
            totals[labels] = totals.get(labels, Usage()) + one.cost
    names = [group_by for group_by in grains if group_by != "provider"]
    return [Spent(dict(zip(names, labels, strict=True)), totals[labels]) for labels in sorted(totals)]


async def _begun(services: Services, question: StatisticsQuery, names: set[str]) -> list[Booked]:
    """What batches that were submitted in the period used up themselves."""
    ids = sorted(name for name in names if name not in NOT_A_BATCH and question.batch in ("", name))
    batches = await gather_limited(services.store.get(Batch, f"batches/{one}") for one in ids)
    begun = [
        Booked(
            one.value.domain,
            day_of(one.value.created_at, services.policy.time_zone),
            one.id,
            cost=one.value.cost,
        )
        for one in batches
        if one is not None
    ]
    first, last = question.first.isoformat(), question.last.isoformat()
    return [one for one in begun if first <= one.day <= last]
