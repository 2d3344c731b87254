"""Books what became of recipients in their domain's day, in the very commit that records it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, astuple, replace
from datetime import timedelta

from warmpost.rules.identities import task_name
from warmpost.rules.progress import Progress
from warmpost.rules.reputation import DayFigures
from warmpost.rules.simulator import simulate
from warmpost.rules.tally import Tally, not_booked, tally
from warmpost.rules.tasks import Task
from warmpost.rules.writes import Count, Write
from warmpost.sending.parcels import Parcel
from warmpost.sending.ports import Services, Store

SHARDS = 4
"""Documents that share a day's figures, so that many workers do not queue for one."""

DEBOUNCE = 1.0
"""Seconds for which one look at a domain's figures serves all chunks that end."""


def book(services: Services, parcel: Parcel, progress: Progress) -> tuple[Progress, list[Write]]:
    """The progress with everything booked, and the increments that go into the same commit."""
    simulator = services.policy.simulator_domain

    def is_simulated(position: int) -> bool:
        return simulate(parcel.recipients[position].address, simulator) is not None

    reports = all(relay.reports == "events" for relay in parcel.pool.relays)
    found = tally(progress, is_simulated, reports, bool(parcel.errand.batch))
    news = not_booked(found, {day: Tally(*row) for day, row in progress.booked.items()})
    if not news:
        return progress, []
    booked = {day: astuple(total) for day, total in found.items()}
    shard = zlib.crc32(parcel.errand.path.encode()) % SHARDS
    domain = parcel.domain.domain
    writes: list[Write] = [Count(f"{figures_path(domain, day)}/{shard}", _amounts(news[day])) for day in news]
    return replace(progress, booked=booked), writes


def figures_path(domain: str, day: str) -> str:
    return f"domains/{domain}/days/{day}/figures"


def _amounts(change: Tally) -> Mapping[str, int]:
    return {name: amount for name, amount in asdict(change).items() if amount}


async def read_tally(store: Store, domain: str, day: str) -> Tally:
    """A domain's day so far."""
    shards = await store.find(Tally, figures_path(domain, day))
    return sum((one.value for one in shards), Tally())


def as_figures(total: Tally) -> DayFigures:
    return DayFigures(
        attempted=total.attempted,
        delivered=total.delivered,
        accepted_unreported=total.accepted_unreported,
        bounced=total.bounced,
        hard_bounced_unknown=total.hard_bounced_unknown,
        spam_bounced=total.spam_bounced,
        complained=total.complained,
        tracked_delivered=total.tracked_delivered,
        opened=total.opened,
    )


async def ask_for_assessment(services: Services, domain: str) -> None:
    """Has the domain looked at soon after its figures changed: once for all changes of the same seconds."""
    now = services.clock.timestamp()
    window = int(now // DEBOUNCE) + 1
    due = services.clock.now() + timedelta(seconds=window * DEBOUNCE - now)
    name = task_name("assess", domain.replace(".", "_"), window)
    await services.tasks.enqueue(Task("assess", {"domain": domain}, name, due))
