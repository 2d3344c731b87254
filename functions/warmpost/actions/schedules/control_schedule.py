"""Pause, resume and end a schedule; runs that have started go on, and what has run stays on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.schedules.schedules import changed_fields, find_schedule, queue_next, run_writes
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import Conflict
from warmpost.rules.model.writes import Stored, Update
from warmpost.rules.schedules.schedules import (
    Schedule,
    ScheduleRun,
    check_at,
    counted,
    passed_runs,
    series_of,
)

Decide = Callable[[Services, Schedule, datetime], tuple[Schedule, list[ScheduleRun]]]
"""The schedule as it is to be, and runs to record. Raises Conflict."""


async def end_schedule(services: Services, schedule_id: str) -> Stored[Schedule]:
    """Ending it twice is ending it once. Raises NotFound."""
    return await _change(services, schedule_id, _ended)


async def pause_schedule(services: Services, schedule_id: str) -> Stored[Schedule]:
    """Raises NotFound, or Conflict where it has ended."""
    return await _change(services, schedule_id, _paused)


async def resume_schedule(services: Services, schedule_id: str) -> Stored[Schedule]:
    """Goes on with the first run after this moment; those before it are skipped. Raises as `pause_schedule`."""
    return await _change(services, schedule_id, _resumed)


async def _change(services: Services, schedule_id: str, decide: Decide) -> Stored[Schedule]:
    busy = Conflict("changed_meanwhile", "The schedule keeps changing just now; try again.")
    after = await retry_on_conflict(lambda: _changed(services, schedule_id, decide), otherwise=busy)
    await queue_next(services, after.id, after.value)
    return after


async def _changed(services: Services, schedule_id: str, decide: Decide) -> Stored[Schedule]:
    before = await find_schedule(services, schedule_id)
    after, runs = decide(services, before.value, services.clock.now())
    changes = changed_fields(before.value, after)
    if not changes:
        return before
    change = Update(before.path, changes, before.version)
    version, *_ = await services.store.commit(change, *run_writes(before.path, runs))
    return Stored(before.path, after, version)


def _ended(_: Services, value: Schedule, now: datetime) -> tuple[Schedule, list[ScheduleRun]]:
    if value.state == "ended":
        return value, []
    return _without_next(replace(value, state="ended", held_run=None, ended_at=now, needs=()), now), []


def _paused(_: Services, value: Schedule, now: datetime) -> tuple[Schedule, list[ScheduleRun]]:
    _refuse_ended(value)
    if value.state == "paused":
        return value, []
    return _without_next(replace(value, state="paused", held_run=value.next_run), now), []


def _without_next(value: Schedule, now: datetime) -> Schedule:
    return replace(value, next_run=None, check_at=check_at(None, value.starting, now))


def _resumed(services: Services, value: Schedule, now: datetime) -> tuple[Schedule, list[ScheduleRun]]:
    """A new generation: the task of a run may have come and gone while it was paused."""
    _refuse_ended(value)
    if value.state == "active":
        return value, []
    series = series_of(value)
    skipped: list[datetime] = []
    if value.held_run is not None and value.held_run <= now:
        skipped = [value.held_run, *services.recurrence.missed_runs(value.held_run, now, series)]
    next_run = services.recurrence.next_run(now, series)
    after = replace(
        value,
        state="active" if next_run else "ended",
        next_run=next_run,
        held_run=None,
        check_at=check_at(next_run, value.starting, now),
        generation=value.generation + 1,
        counts=counted(value.counts, "skipped", len(skipped)),
        ended_at=None if next_run else now,
        failures=0,
        needs=value.needs if next_run else (),
    )
    reason = "Its time passed while the schedule was paused."
    return after, [*passed_runs(skipped, "skipped", now, "paused", reason)]


def _refuse_ended(value: Schedule) -> None:
    if value.state == "ended":
        raise Conflict("schedule_ended", "The schedule has ended already.")
