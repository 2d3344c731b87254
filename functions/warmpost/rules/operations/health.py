"""How a deployment fares: what was looked at, and what is said of it in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

HealthStatus = Literal["ok", "degraded", "down"]

LATE = timedelta(minutes=15)
"""Behind its time, a task or pause that nobody has taken up is no longer on its way."""

DAILY_EVERY = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class QueueState:
    """tasks: at most as many as one look shows, then capped. oldest_due: of those whose time has come."""

    name: str
    reason: str = ""
    paused: bool = False
    tasks: int = 0
    due: int = 0
    capped: bool = False
    oldest_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class RelayState:
    """reason: why no connection was to be had, empty where one was."""

    pool: str
    relay: str
    reason: str


@dataclass(frozen=True, slots=True)
class StalledBatch:
    batch: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class DailyRun:
    """`runs/daily`: when the daily run last queued its work."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """running: batches under way, capped at what is looked at. held: recipients of them that wait for volume.

    full: domains whose batches have used the day's cap up, so that single sends are refused.
    """

    running: int = 0
    capped: bool = False
    held: int = 0
    oldest_held: datetime | None = None
    uncertain: int = 0
    uncertain_batches: tuple[str, ...] = ()
    stalled: tuple[StalledBatch, ...] = ()
    overdue_pauses: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    disabled_webhooks: tuple[str, ...] = ()
    overdue_schedules: int = 0
    late_schedules: tuple[str, ...] = ()
    failing_schedules: tuple[str, ...] = ()
    last_daily_run: datetime | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """firestore, dns: why they do not answer, empty where they do. work: as far as Firestore told."""

    at: datetime
    firestore: str = ""
    dns: str = ""
    queues: Sequence[QueueState] = ()
    relays: Sequence[RelayState] = ()
    work: Work = field(default_factory=Work)


def judge(found: Findings) -> tuple[HealthStatus, tuple[str, ...]]:
    """down: nothing can be taken. degraded: something waits that a person should look at."""
    reasons = tuple(_reasons(found))
    if found.firestore:
        return "down", reasons
    return ("degraded" if reasons else "ok"), reasons


def _reasons(found: Findings) -> Iterator[str]:
    if found.firestore:
        yield f"Firestore does not answer: {found.firestore}"
    for queue in found.queues:
        yield from _of_queue(queue, found.at)
    for relay in found.relays:
        if relay.reason:
            yield f"the relay {relay.relay} of pool {relay.pool} cannot be used: {relay.reason}"
    if found.dns:
        yield f"the DNS does not answer: {found.dns}"
    yield from _of_work(found.work, found.at)


def _of_queue(queue: QueueState, now: datetime) -> Iterator[str]:
    if queue.reason:
        yield f"the queue {queue.name} does not answer: {queue.reason}"
    elif queue.paused:
        yield f"the queue {queue.name} is paused"
    elif queue.oldest_due and now - queue.oldest_due > LATE:
        yield f"the queue {queue.name} is late: a task has been due since {_when(queue.oldest_due)}"


def _of_work(work: Work, now: datetime) -> Iterator[str]:
    for one in work.stalled:
        yield f"batch {one.batch} waits for a relay since {_when(one.since)}: {one.reason}"
    for domain in work.overdue_pauses:
        yield f"the pause of {domain} is over, but nothing went on"
    for domain in work.blocked:
        yield f"{domain} is blocked for the day"
    for domain in work.full:
        yield f"batches have used up the day of {domain}: its single sends are refused; a `reserve` would keep some"
    if work.uncertain:
        where = _named("batch", work.uncertain_batches)
        yield f"{work.uncertain} recipients of running batches are uncertain{where}"
    if work.disabled_webhooks:
        yield f"webhooks were switched off: {', '.join(work.disabled_webhooks)}"
    if work.overdue_schedules:
        yield f"{work.overdue_schedules} schedules are overdue{_named('schedule', work.late_schedules)}"
    if work.failing_schedules:
        yield f"runs of schedules cannot be submitted: {', '.join(work.failing_schedules)}"
    if work.last_daily_run and now - work.last_daily_run > DAILY_EVERY:
        yield f"the daily run has not been since {_when(work.last_daily_run)}"


def _named(what: str, ids: Sequence[str]) -> str:
    return f": {what} {', '.join(ids)}" if ids else ""


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def as_metrics(found: Findings) -> str:
    """OpenMetrics text (openmetrics.io), gauges only."""
    lines: list[str] = []
    for name, means, *values in (*_gauges_of_services(found), *_gauges_of_work(found.work, found.at)):
        lines += (f"# TYPE warmpost_{name} gauge", f"# HELP warmpost_{name} {means}")
        lines += (f"warmpost_{name}{labels} {value:g}" for labels, value in values)
    return "\n".join([*lines, "# EOF", ""])


_Gauge = tuple[str, str, *tuple[tuple[str, float], ...]]
"""Name, meaning, and the values by their labels."""


def _gauges_of_services(found: Findings) -> Iterator[_Gauge]:
    status, _ = judge(found)
    yield (
        "health",
        "1 for the status that holds.",
        *((_labels(status=one), one == status) for one in _STATUSES),
    )
    yield ("firestore_up", "Whether Firestore answers.", ("", not found.firestore))
    yield ("dns_up", "Whether the DNS answers.", ("", not found.dns))
    queues = [(_labels(queue=one.name), one) for one in found.queues]
    up = [(name, not (one.reason or one.paused)) for name, one in queues]
    yield ("queue_up", "Whether a queue answers and is not paused.", *up)
    yield (
        "queue_tasks",
        "Tasks in a queue, of 1000 looked at.",
        *((name, one.tasks) for name, one in queues),
    )
    due = [(name, one.due) for name, one in queues]
    yield ("queue_due_tasks", "Of those, tasks whose time has come.", *due)
    relays = [(_labels(pool=one.pool, relay=one.relay), not one.reason) for one in found.relays]
    yield ("relay_up", "Whether a relay lets a worker in.", *relays)


def _gauges_of_work(work: Work, at: datetime) -> Iterator[_Gauge]:
    yield ("batches_running", "Batches under way.", ("", work.running))
    yield ("batches_stalled", "Of those, batches that no relay takes mail of.", ("", len(work.stalled)))
    yield ("recipients_held", "Recipients of running batches that wait for volume.", ("", work.held))
    held = (at - work.oldest_held).total_seconds() if work.oldest_held else 0.0
    yield ("oldest_held_seconds", "Age of the oldest batch that holds recipients.", ("", held))
    yield ("recipients_uncertain", "Uncertain recipients of running batches.", ("", work.uncertain))
    overdue = len(work.overdue_pauses)
    yield ("pauses_overdue", "Domains whose pause is over without effect.", ("", overdue))
    yield ("domains_blocked", "Domains with running batches that are blocked.", ("", len(work.blocked)))
    yield ("webhooks_disabled", "Webhooks that were given up.", ("", len(work.disabled_webhooks)))
    yield ("schedules_overdue", "Schedules whose time has passed.", ("", work.overdue_schedules))
    if work.last_daily_run:
        stamp = work.last_daily_run.timestamp()
        yield ("daily_run_timestamp_seconds", "When the daily run last was.", ("", stamp))


_STATUSES: tuple[HealthStatus, ...] = ("ok", "degraded", "down")


def _labels(**given: str) -> str:
    escaped = {
        name: text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for name, text in given.items()
    }
    return "{" + ",".join(f'{name}="{text}"' for name, text in escaped.items()) + "}"
