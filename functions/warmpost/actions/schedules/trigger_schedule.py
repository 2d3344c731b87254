"""Trigger: a run's time has come. The run is claimed, the next one queued, then the batch or message submitted.

The claim moves the schedule on in one commit, so of any number of tasks for a run one claims it. From then on the run is
`starting` until its batch or message is known to exist; every later task of the schedule, and `enqueue_due`, take up
what is still starting. It is submitted under an identity made of the schedule and the time the run is for, so taking it
up again makes no second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from warmpost.actions.batches.send_message import send_message
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.context import Services
from warmpost.actions.schedules.schedules import changed_fields, queue_next, read_order, run_path, run_writes
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import Problem, Unavailable
from warmpost.rules.model.writes import Stored, Update
from warmpost.rules.requests.requests import BatchOrder, Request
from warmpost.rules.schedules.schedules import (
    Schedule,
    ScheduleRun,
    after_run,
    check_at,
    counted,
    decide_due,
    passed_runs,
    run_id,
    series_of,
)

KEYS_HOLD = timedelta(days=6)
"""How long an idempotency key is sure to be remembered; later a batch is looked for by what it is a run of."""


KEEPS_CHANGING = Unavailable("changed_meanwhile", "The schedule keeps changing just now.", retry_after=1)


async def trigger_schedule(services: Services, schedule_id: str, run: datetime) -> None:
    """run: the time of the run that the task was queued for; another may be due by now.

    Raises NotStoredYetError; errors.Unavailable and Moved: the task comes again.
    """
    path, due = f"schedules/{schedule_id}", max(run, services.clock.now())
    schedule = await retry_on_conflict(lambda: _claim(services, path, due), otherwise=KEEPS_CHANGING)
    await queue_next(services, schedule.id, schedule.value)
    for moment in reversed(schedule.value.starting):
        await _start(services, schedule, moment)


async def _claim(services: Services, path: str, now: datetime) -> Stored[Schedule]:
    """The schedule with no run due any more: what was due is `starting`, or has been let pass with its reason."""
    schedule = await services.store.get(Schedule, path)
    if schedule is None:
        raise NotStoredYetError(path)
    value = schedule.value
    if value.next_run is None or value.next_run > now:
        return schedule
    after, runs = _moved_on(services, value, value.next_run, now)
    change = Update(path, changed_fields(value, after), schedule.version)
    versions = await services.store.commit(change, *run_writes(path, runs))
    return Stored(path, after, versions[0])


def _moved_on(
    services: Services, value: Schedule, first: datetime, now: datetime
) -> tuple[Schedule, list[ScheduleRun]]:
    series = series_of(value)
    due = decide_due((first, *services.recurrence.missed_runs(first, now, series)), now, value.missed)
    runs = [*passed_runs(due.passed, "missed", now, "missed", "Its time passed before it could start.")]
    starting = value.starting
    if due.starts is not None:
        runs.append(ScheduleRun(due.starts, "starting", now))
        starting = (*starting, due.starts)
    next_run = services.recurrence.next_run(now, series)
    after = replace(
        value,
        state="active" if next_run else "ended",
        next_run=next_run,
        last_run=due.starts or value.last_run,
        starting=starting,
        check_at=check_at(next_run, starting, now),
        counts=counted(value.counts, "missed", len(due.passed)),
        ended_at=None if next_run else now,
        needs=value.needs if next_run else (),
    )
    return after, runs


async def _start(services: Services, schedule: Stored[Schedule], run: datetime) -> None:
    changes: dict[str, object]
    try:
        changes = {"status": "submitted", **await _submit(services, schedule, run)}
    except Problem as problem:
        if isinstance(problem, Unavailable) or problem.code == "changed_meanwhile":
            raise
        changes = {
            "status": "failed",
            "code": problem.code,
            "reason": problem.message,
            "field": problem.field or "",
        }
        words = f"a run of schedule {schedule.id} could not start: {problem.message}"
        log_event("schedule_failed", words, schedule=schedule.id, code=problem.code)
    settle = partial(_settle, services, schedule.path, run, changes)
    await retry_on_conflict(settle, otherwise=KEEPS_CHANGING)


async def _submit(services: Services, schedule: Stored[Schedule], run: datetime) -> Mapping[str, object]:
    """The identity begins with a character that no caller's Idempotency-Key can hold."""
    key = f"\n{schedule.id}/{run_id(run)}"
    value = schedule.value
    request = Request(value.key_id, key, "", schedule.id, run, message_id=value.message)
    order = await read_order(services.store, schedule)
    if not isinstance(order, BatchOrder):
        return {"message": (await send_message(services, order, request)).id}
    known = await _known_batch(services, schedule, run)
    if known is None:
        order = replace(order, name=order.name or schedule.value.name)
        known = (await submit_batch(services, order, request)).id
    return {"batch": known}


async def _known_batch(services: Services, schedule: Stored[Schedule], run: datetime) -> str | None:
    """The batch of a run that was claimed so long ago that its idempotency key may be forgotten."""
    claimed = await services.store.get(ScheduleRun, run_path(schedule.path, run))
    if claimed is None or services.clock.now() - claimed.value.at < KEYS_HOLD:
        return None
    found = await services.store.fields(
        "batches", ("schedule", "==", schedule.id), ("run", "==", run), select=("status",), limit=1
    )
    return found[0][0] if found else None


async def _settle(services: Services, path: str, run: datetime, changes: Mapping[str, object]) -> None:
    """Once: whoever finds the run no longer starting was overtaken by another who came to the same end."""
    schedule = await services.store.get(Schedule, path)
    if schedule is None or run not in schedule.value.starting:
        return
    before = schedule.value
    failure = "" if changes["status"] == "submitted" else str(changes["reason"])
    after = after_run(before, run, failure, services.clock.now())
    settled = Update(path, changed_fields(before, after), schedule.version)
    await services.store.commit(settled, Update(run_path(path, run), changes))
    if after.state != before.state:
        words = (
            f"schedule {schedule.id} was paused after {after.failures} runs in a row that failed: {failure}"
        )
        log_event("schedule_stopped", words, schedule=schedule.id)
