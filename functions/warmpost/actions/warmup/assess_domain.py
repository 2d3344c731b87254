"""Assess: looks at a domain's figures of the day, moves its level, blocks it, and lets its batches go on.

Runs soon after figures changed, when a pause ends, and from the daily function; running it again changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.storage.log import tell
from warmpost.actions.warmup.day_counters import as_figures
from warmpost.actions.warmup.domain_state import (
    Weather,
    decided,
    keep,
    look,
    remember,
    tell_decisions,
    with_raises,
)
from warmpost.errors import Moved
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.model.tasks import batch_task
from warmpost.rules.model.writes import Stored, Update, Write
from warmpost.rules.warmup.daily_cap import decide_release
from warmpost.rules.warmup.documents import HistoryEntry, Warmth
from warmpost.rules.warmup.reputation import Decision, evaluate_block

TRIES = 10
RUNNING = ("planning", "sending")
MOST_BATCHES = 200


async def assess_domain(services: Services, domain: str) -> None:
    """Raises errors.Unavailable, errors.Moved: the task comes again."""
    batches = await running_batches(services, domain)
    holding = [one for one in batches if one.value.released < one.value.planned]
    for attempt in range(TRIES):
        weather = await look(services, domain)
        try:
            weather = await _decide(services, weather, bool(holding))
            break
        except Moved:
            if attempt == TRIES - 1:
                raise
    if weather.blocked:
        await _fail_blocked(services, batches, weather.blocked)
    else:
        await _go_on(services, holding, weather)


async def _decide(services: Services, weather: Weather, holding: bool) -> Weather:
    """Blocks first: a day that is blocked raises nobody. holding: releases follow, which write the raises along."""
    if weather.blocked:
        return weather
    figures, now = as_figures(weather.total), services.clock.now()
    block = evaluate_block(figures, weather.day.date, weather.standing.rules)
    if block.changes:
        warmth = replace(weather.warmth, blocked_on=weather.today, block_reason=block.reason)
        return await _kept(services, weather, warmth, _told(weather, block, now))
    raised, raises = with_raises(weather)
    if raises and not holding:
        warmth = replace(raised.warmth, pause=None)
        return await _kept(services, raised, warmth, *(_told(weather, one, now) for one in raises))
    if weather.pause and not raises and not _still_paused(services, weather):
        reason = f"the pause of {weather.pause.began:%Y-%m-%d %H:%M} UTC is over"
        over = HistoryEntry(
            at=now, kind="resumed", reason=reason, day=weather.today, figures=asdict(weather.total)
        )
        return await _kept(
            services, weather, replace(weather.warmth, pause=None), remember(weather.domain, over)
        )
    if weather.closing:
        return await _kept(services, weather, weather.warmth)
    return weather


def _told(weather: Weather, decision: Decision, at: datetime) -> Write:
    return decided(weather.domain, weather.today, weather.total, decision, at)


async def _kept(services: Services, weather: Weather, warmth: Warmth, *history: Write) -> Weather:
    await services.store.commit(*keep(weather, warmth), *history)
    tell_decisions(weather.domain, *weather.closing, *history)
    return replace(weather, warmth=warmth, closing=())


def _still_paused(services: Services, weather: Weather) -> bool:
    asked = decide_release(
        1, weather.allowance, services.clock.now(), weather.day, pool=weather.pool, pause=weather.pause
    )
    return asked.pause == weather.pause


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
        changes = {"status": "failed", "reason": reason, "finished_at": services.clock.now()}
        await services.store.commit(Update(batch.path, changes, batch.version))
        tell("batch_blocked", reason, batch=batch.id, domain=batch.value.domain)


async def _go_on(services: Services, batches: list[Stored[Batch]], weather: Weather) -> None:
    """One release for each batch that holds recipients; named by what was seen and when, so that one look makes one."""
    seen = (weather.total.settled, round(services.clock.timestamp() * 1000))
    await services.tasks.enqueue(
        *(batch_task("release", one.id, one.value.generation, one.value.released, *seen) for one in batches)
    )
