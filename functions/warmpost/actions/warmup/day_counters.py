"""Books what became of recipients in their domain's day, in the very commit that records it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import timedelta

from warmpost.actions.bounces.correct_bounce import corrections
from warmpost.actions.context import Services
from warmpost.actions.ports import Store
from warmpost.rules.bounces.classify import BounceClass
from warmpost.rules.bounces.corrections import judge
from warmpost.rules.delivery.mailbox_providers import SIMULATOR, provider_of
from warmpost.rules.delivery.simulator import simulate
from warmpost.rules.events.day_counters import Amounts, Circumstances, DayCounters
from warmpost.rules.events.reported_status import Words
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.model.relays import Pool
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Count, Write
from warmpost.rules.warmup.reputation import DayFigures

SHARDS = 2
"""Documents that share a batch's day, so that many workers do not queue for one."""

SINGLE_SHARDS = 8
"""The same for single sends, each of which is booked by itself."""

DEBOUNCE = 1.0
"""Seconds for which one look at a domain's figures serves all chunks that end."""

AT_THE_LATEST = 30.0
"""The same for looks that only make sure that there is one."""

ASSESS_MARGIN = 0.25
"""Seconds: a look that ran before a change was written must not count for it."""


def circumstances(
    services: Services,
    addresses: Sequence[str],
    pool: Pool,
    in_batch: bool,
    tracked: bool,
    is_test: bool = False,
) -> Circumstances:
    """addresses: of the recipients by position. Corrections of bounces are those that this process loaded last.

    is_test: what becomes of a test says as little of a domain as the simulator does.
    """
    simulator = services.policy.simulator_domain

    def provider(position: int) -> str:
        address = addresses[position]
        simulated = is_test or simulate(address, simulator) is not None
        return SIMULATOR if simulated else provider_of(address)

    corrected = corrections(services)

    def judged(words: Words) -> BounceClass:
        return judge(corrected, *words)

    reports = all(relay.reports == "events" for relay in pool.relays)
    return Circumstances(provider, reports, in_batch, tracked, judged)


def additions(domain: str, name: str, path: str, day: str, amounts: Amounts) -> Write:
    """Into one of a few documents per domain, day and batch. name: the batch's id, or `send`."""
    shard = zlib.crc32(path.encode()) % (SINGLE_SHARDS if name == "send" else SHARDS)
    labels = {"domain": domain, "day": day, "name": name}
    return Count(f"{figures_path(domain, day)}/{name}-{shard}", amounts, labels, bill=name)


def figures_path(domain: str, day: str) -> str:
    return f"domains/{domain}/days/{day}/figures"


async def read_day_counters(store: Store, domain: str, day: str) -> DayCounters:
    """A domain's day so far."""
    shards = await store.find(DayCounters, figures_path(domain, day))
    return sum((one.value for one in shards), DayCounters())


def as_figures(total: DayCounters) -> DayFigures:
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


async def ask_for_assessment(services: Services, domain: str, debounce: float = DEBOUNCE) -> None:
    """Has the domain looked at soon after its figures changed: once for all changes of the same seconds."""
    now = services.clock.timestamp()
    window = int(now // debounce) + 1
    due = services.clock.now() + timedelta(seconds=window * debounce + ASSESS_MARGIN - now)
    name = task_name("assess", domain.replace(".", "_"), f"{debounce:.0f}", window)
    await services.tasks.enqueue(Task("assess", {"domain": domain}, name, due))


async def ensure_assessment(services: Services, domain: str) -> None:
    """Before a change is written, for whoever ends between writing it and asking for a look at it."""
    await ask_for_assessment(services, domain, AT_THE_LATEST)
