"""Check health: how the deployment fares, at a price that does not grow with what it sends.

About sixty reads at most: a few documents of those batches that run, never a recipient.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

from warmpost.actions.batches.report import longest_stall
from warmpost.actions.context import Services
from warmpost.actions.operations.daily import DAILY_RUN
from warmpost.actions.ports import Store
from warmpost.actions.warmup.domain_state import read_snapshot, warmup_state_path
from warmpost.errors import Unavailable
from warmpost.rules.delivery.documents import RUNNING
from warmpost.rules.identity.domains import RelayPool
from warmpost.rules.model.relays import SHARED, Pool
from warmpost.rules.model.tasks import Queue
from warmpost.rules.operations.health import (
    LATE,
    DailyRun,
    Findings,
    QueueState,
    RelayState,
    StalledBatch,
    Work,
)
from warmpost.rules.warmup.documents import WarmupState

ANSWERED_WITHIN = 9.0
"""Seconds for all of it: whoever asks has a time limit too."""

MOST_BATCHES = 200
MOST_LOOKED_INTO = 20
MOST_NAMED = 20
MOST_POOLS = 20
MOST_WEBHOOKS = 200


async def check_health(services: Services) -> Findings:
    """Never raises for what does not answer: that is what is asked for."""
    queues = asyncio.gather(*(_queue(services, name) for name in get_args(Queue)))
    (reason, work, pools), dns, states = await asyncio.gather(_stored(services), _dns(services), queues)
    relays = await asyncio.gather(
        *(_relay(services, pool, at) for pool in pools for at in range(len(pool.relays)))
    )
    return Findings(services.clock.now(), reason, dns, states, relays, work)


async def _queue(services: Services, name: Queue) -> QueueState:
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            return await services.probes.queue(name, services.clock.now())
    except (TimeoutError, Unavailable) as problem:
        return QueueState(name, str(problem) or "no answer in time")


async def _relay(services: Services, pool: Pool, at: int) -> RelayState:
    relay = pool.relays[at]
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            reason = await services.probes.relay(relay)
    except TimeoutError:
        reason = "no answer in time"
    return RelayState(pool.name, relay.name, reason)


async def _dns(services: Services) -> str:
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            await services.resolver.txt(services.policy.simulator_domain)
    except (TimeoutError, Unavailable) as problem:
        return str(problem) or "no answer in time"
    return ""


async def _stored(services: Services) -> tuple[str, Work, list[Pool]]:
    """Why Firestore does not answer, what it told, and the pools there are; without it, the pool of the settings."""
    shared = services.policy.shared_pool
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            work, found = await asyncio.gather(
                check_work(services), services.store.find(RelayPool, "pools", limit=MOST_POOLS)
            )
    except (TimeoutError, Unavailable) as problem:
        return str(problem) or "no answer in time", Work(), [shared]
    pools = [Pool(one.id, one.value.relays) for one in found]
    return "", work, pools if any(one.name == SHARED for one in pools) else [shared, *pools]


async def _running(store: Store) -> list[tuple[str, dict[str, Any]]]:
    fields = ("domain", "created_at", "total", "released")
    return await store.fields("batches", ("status", "in", RUNNING), select=fields, limit=MOST_BATCHES)


async def _disabled_webhooks(store: Store) -> tuple[str, ...]:
    found = await store.fields("webhooks", select=("enabled", "disabled_at"), limit=MOST_WEBHOOKS)
    return tuple(id for id, one in found if one.get("enabled") and one.get("disabled_at"))


async def _failing_schedules(store: Store) -> tuple[str, ...]:
    found = await store.fields("schedules", ("failures", ">", 0), select=("state",), limit=MOST_BATCHES)
    return tuple(id for id, one in found if one["state"] != "ended")


def _looked_into(rows: list[tuple[str, dict[str, Any]]]) -> tuple[list[str], list[str]]:
    """Batches and domains."""
    domains = sorted({fields["domain"] for _, fields in rows})
    return [batch for batch, _ in rows[:MOST_LOOKED_INTO]], domains[:MOST_LOOKED_INTO]


async def _states(store: Store, domains: list[str]) -> dict[str, WarmupState]:
    found = await asyncio.gather(*(store.get(WarmupState, warmup_state_path(one)) for one in domains))
    return {domain: one.value for domain, one in zip(domains, found, strict=True) if one}


async def _full(services: Services, known: Mapping[str, WarmupState]) -> tuple[str, ...]:
    """Where neither a block nor a cap of nothing is the reason, and single sends are what suffers."""
    today = services.today()
    some = [one for one, value in known.items() if value.day == today and value.released and value.warmup]
    snapshots = await asyncio.gather(*(read_snapshot(services, one) for one in some))
    return tuple(one.domain for one in snapshots if one.allowance.room == 0 and not one.blocked)


async def _late_schedules(store: Store, before: datetime) -> tuple[str, ...]:
    found = await store.fields(
        "schedules", ("check_at", "<=", before), select=("number",), order_by="check_at", limit=MOST_BATCHES
    )
    return tuple(id for id, _ in found)


def _blocked(known: Mapping[str, WarmupState], today: str) -> tuple[str, ...]:
    return tuple(one for one, value in known.items() if value.blocked_on == today)


def _held(rows: Sequence[object], holding: Sequence[Mapping[str, Any]]) -> Work:
    return Work(
        running=len(rows),
        capped=len(rows) == MOST_BATCHES,
        held=sum(fields["total"] - fields["released"] for fields in holding),
        oldest_held=min((fields["created_at"] for fields in holding), default=None),
    )


async def check_work(services: Services) -> Work:
    now = services.clock.now()
    rows, disabled, late, failing, daily = await asyncio.gather(
        _running(services.store),
        _disabled_webhooks(services.store),
        _late_schedules(services.store, now - LATE),
        _failing_schedules(services.store),
        services.store.get(DailyRun, DAILY_RUN),
    )
    some, domains = _looked_into(rows)
    known, stalls, uncertain = await asyncio.gather(
        _states(services.store, domains),
        asyncio.gather(*(_stall(services, one) for one in some)),
        asyncio.gather(*(_uncertain(services, one) for one in some)),
    )
    holding = [fields for _, fields in rows if fields["released"] < fields["total"]]
    return replace(
        _held(rows, holding),
        uncertain=sum(uncertain),
        uncertain_batches=tuple(one for one, count in zip(some, uncertain, strict=True) if count),
        stalled=tuple(one for one in stalls if one),
        overdue_pauses=_overdue(known, {fields["domain"] for fields in holding}, now),
        blocked=_blocked(known, services.today()),
        full=await _full(services, known),
        disabled_webhooks=disabled,
        overdue_schedules=len(late),
        late_schedules=late[:MOST_NAMED],
        failing_schedules=failing,
        last_daily_run=daily.value.at if daily else None,
    )


def _overdue(known: Mapping[str, WarmupState], waiting: set[Any], now: datetime) -> tuple[str, ...]:
    return tuple(
        domain
        for domain, warmup_state in known.items()
        if domain in waiting and warmup_state.pause and warmup_state.pause.until + LATE < now
    )


async def _stall(services: Services, batch: str) -> StalledBatch | None:
    stall = await longest_stall(services, f"batches/{batch}")
    return StalledBatch(batch, stall.since, stall.reason) if stall else None


async def _uncertain(services: Services, batch: str) -> int:
    counts = await services.store.sums(f"batches/{batch}/progress", ["counts.uncertain"])
    return counts.get("uncertain", 0)
