"""Schedules: a message or batch for later, once or again and again, and what is to be done when its time has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from warmpost.rules.schedules.recurrence import Series

Missed = Literal["send", "skip"]
State = Literal["active", "paused", "ended"]
RunStatus = Literal["starting", "submitted", "failed", "missed", "skipped"]

LATE = timedelta(minutes=5)
"""A run that starts later than this has been missed, where missed runs are skipped."""

AHEAD = timedelta(days=29)
"""How far ahead a run's task is queued; Cloud Tasks takes none that is more than 30 days ahead."""

OVERDUE_AFTER = timedelta(minutes=10)
"""How long a run may be overdue or under way before its task is taken for lost."""

MOST_PASSED = 50

MOST_FAILURES = 5
"""Runs in a row that could not be submitted, after which a schedule pauses itself."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`schedules/{id}`; the order itself is kept in `parts` documents below it.

    start_at … count: as `recurrence.Series`. next_run: None where it is paused or ended; held_run: the next one when it
    was paused. starting: runs that are claimed and whose batch or message is not known to exist yet.
    check_at: when `enqueue_due` has something to do about it. generation: how often lost tasks were made anew.
    counts: runs by how they ended. needs: paths of what its runs cannot do without (domain,
    template, list), empty once it has ended. failures: runs in a
    row that could not be submitted, the last one for `failure`. message: what the single run of a message
    that was accepted before its time will be called.
    """

    number: int
    kind: Literal["send", "batch"]
    name: str
    state: State
    parts: int
    key_id: str
    created_at: datetime
    missed: Missed
    start_at: datetime
    timezone: str
    every_hours: int | None = None
    rrule: str = ""
    until: datetime | None = None
    count: int | None = None
    next_run: datetime | None = None
    held_run: datetime | None = None
    last_run: datetime | None = None
    starting: tuple[datetime, ...] = ()
    check_at: datetime | None = None
    generation: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    ended_at: datetime | None = None
    needs: tuple[str, ...] = ()
    failures: int = 0
    failure: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """`schedules/{id}/runs/{time}`: what became of a run, or of several in a row that were all let pass.

    run: the time it was for, the latest where they are several. first: the earliest of several. at: when this was
    decided. batch, message: what it submitted. code, reason, field: why it did not, as an `errors.Problem`.
    """

    run: datetime
    status: RunStatus
    at: datetime
    batch: str = ""
    message: str = ""
    code: str = ""
    reason: str = ""
    field: str = ""
    runs: int = 1
    first: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Of the runs whose time has come, the one that starts, if any, and those that are let pass."""

    starts: datetime | None
    passed: tuple[datetime, ...]


def series_of(schedule: Schedule) -> Series:
    return Series(
        start_at=schedule.start_at,
        timezone=ZoneInfo(schedule.timezone),
        every_hours=schedule.every_hours,
        rrule=schedule.rrule,
        until=schedule.until,
        count=schedule.count,
    )


def after_run(value: Schedule, run: datetime, failure: str, now: datetime) -> Schedule:
    """The schedule when a run was submitted, or failed for a reason; it stops itself after some failures in a row."""
    starting = without(value.starting, run)
    failures = value.failures + 1 if failure else 0
    after = replace(
        value,
        starting=starting,
        counts=counted(value.counts, "failed" if failure else "submitted"),
        check_at=check_at(value.next_run, starting, now),
        failures=failures,
        failure=failure,
    )
    if failures < MOST_FAILURES or value.state != "active":
        return after
    held = replace(after, state="paused", held_run=value.next_run, next_run=None)
    return replace(held, check_at=check_at(None, starting, now))


def decide_due(due: Sequence[datetime], now: datetime, missed: Missed) -> Due:
    """Recipients get one message for a time of silence, not one for each run in it: only the latest run starts."""
    latest = due[-1]
    if missed == "skip" and now - latest > LATE:
        return Due(None, tuple(due))
    return Due(latest, tuple(due[:-1]))


def passed_runs(
    moments: Sequence[datetime], status: RunStatus, now: datetime, code: str, reason: str
) -> Iterator[ScheduleRun]:
    """One entry each for the latest MOST_PASSED; whatever is older shares one, so that no silence fills the store."""
    older, latest = moments[:-MOST_PASSED], moments[-MOST_PASSED:]
    if older:
        yield ScheduleRun(older[-1], status, now, code=code, reason=reason, runs=len(older), first=older[0])
    for moment in latest:
        yield ScheduleRun(moment, status, now, code=code, reason=reason)


def check_at(next_run: datetime | None, starting: Sequence[datetime], now: datetime) -> datetime | None:
    """When to look whether a task is to be queued or was lost; None where nothing will ever be due."""
    if starting:
        return now + OVERDUE_AFTER
    if next_run is None:
        return None
    return next_run + OVERDUE_AFTER if is_near(next_run, now) else next_run - AHEAD


def is_near(run: datetime, now: datetime) -> bool:
    """Whether its task can be queued already."""
    return run - now <= AHEAD


def counted(counts: dict[str, int], status: RunStatus, runs: int = 1) -> dict[str, int]:
    return counts | {status: counts.get(status, 0) + runs} if runs else counts


def without(starting: Iterable[datetime], run: datetime) -> tuple[datetime, ...]:
    return tuple(moment for moment in starting if moment != run)


def run_id(run: datetime) -> str:
    return run.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
