"""Assess: looks at a domain's figures of the day, moves its level, blocks it, and lets its batches go on.

Runs soon after figures changed, when a pause ends, and from the daily function; running it again changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.actions.warmup.day_counters import as_figures
from warmpost.actions.warmup.domain_state import (
    DomainSnapshot,
    decided,
    keep,
    read_snapshot,
    remember,
    tell_decisions,
    with_raises,
)
from warmpost.rules.delivery.documents import RUNNING, Batch, BatchStatus
from warmpost.rules.model.tasks import batch_task
from warmpost.rules.model.writes import Stored, Update, Write
from warmpost.rules.warmup.daily_cap import decide_release
from warmpost.rules.warmup.documents import HistoryEntry, WarmupState
from warmpost.rules.warmup.reputation import Decision, evaluate_block

MOST_BATCHES = 200


async def assess_domain(services: Services, domain: str) -> None:
    """Raises errors.Unavailable, errors.Moved: the task comes again."""
    batches = await running_batches(services, domain)
    holding = [one for one in batches if one.value.released < one.value.planned]
    snapshot = await retry_on_conflict(lambda: _decide(services, domain, bool(holding)))
    if snapshot.blocked:
        await _fail_blocked(services, batches, snapshot.blocked)
    else:
        await _go_on(services, holding, snapshot)


async def _decide(services: Services, domain: str, holding: bool) -> DomainSnapshot:
    """Blocks first: a day that is blocked raises nobody. holding: releases follow, which write the raises along."""
    snapshot = await read_snapshot(services, domain)
    if snapshot.blocked:
        return snapshot
    figures, now = as_figures(snapshot.total), services.clock.now()
    block = evaluate_block(figures, snapshot.day.date, snapshot.standing.rules)
    if block.changes:
        warmup_state = replace(snapshot.warmup_state, blocked_on=snapshot.today, block_reason=block.reason)
        return await _kept(services, snapshot, warmup_state, _told(snapshot, block, now))
    raised, raises = with_raises(snapshot)
    if raises and not holding:
        warmup_state = replace(raised.warmup_state, pause=None)
        return await _kept(services, raised, warmup_state, *(_told(snapshot, one, now) for one in raises))
    if snapshot.pause and not raises and not _still_paused(services, snapshot):
        reason = f"the pause of {snapshot.pause.began:%Y-%m-%d %H:%M} UTC is over"
        over = HistoryEntry(
            at=now, kind="resumed", reason=reason, day=snapshot.today, figures=asdict(snapshot.total)
        )
        return await _kept(
            services, snapshot, replace(snapshot.warmup_state, pause=None), remember(snapshot.domain, over)
        )
    if snapshot.closing:
        return await _kept(services, snapshot, snapshot.warmup_state)
    return snapshot


def _told(snapshot: DomainSnapshot, decision: Decision, at: datetime) -> Write:
    return decided(snapshot.domain, snapshot.today, snapshot.total, decision, at)


async def _kept(
    services: Services, snapshot: DomainSnapshot, warmup_state: WarmupState, *history: Write
) -> DomainSnapshot:
    await services.store.commit(*keep(snapshot, warmup_state), *history)
    tell_decisions(snapshot.domain, *snapshot.closing, *history)
    return replace(snapshot, warmup_state=warmup_state, closing=())


def _still_paused(services: Services, snapshot: DomainSnapshot) -> bool:
    asked = decide_release(
        1,
        snapshot.batch_allowance,
        services.clock.now(),
        snapshot.day,
        pool=snapshot.pool,
        pause=snapshot.pause,
    )
    return asked.pause == snapshot.pause


async def running_batches(services: Services, domain: str) -> list[Stored[Batch]]:
    found: list[Stored[Batch]] = []
    for status in RUNNING:
        found += await services.store.find(
            Batch, "batches", ("domain", "==", domain), ("status", "==", status), limit=MOST_BATCHES
        )
    return found


async def _fail_blocked(services: Services, batches: list[Stored[Batch]], reason: str) -> None:
    """What is unsent of running batches fails with the block's reason, unless the batch asked to hold."""
    for batch in batches:
        if batch.value.on_block == "hold":
            continue
        changes = {"status": BatchStatus.FAILED, "reason": reason, "finished_at": services.clock.now()}
        await services.store.commit(Update(batch.path, changes, batch.version))
        log_event("batch_blocked", reason, batch=batch.id, domain=batch.value.domain)


async def _go_on(services: Services, batches: list[Stored[Batch]], snapshot: DomainSnapshot) -> None:
    """One release for each batch that holds recipients; named by what was seen and when, so that one look makes one."""
    seen = (snapshot.total.settled, round(services.clock.timestamp() * 1000))
    await services.tasks.enqueue(
        *(batch_task("release", one.id, one.value.generation, one.value.released, *seen) for one in batches)
    )
