"""Enqueue due: queues the runs that have come near enough to be queued, and makes lost tasks anew."""

from __future__ import annotations

from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.schedules.schedules import queue_next, trigger_task
from warmpost.errors import Moved
from warmpost.rules.model.writes import Update
from warmpost.rules.schedules.schedules import OVERDUE_AFTER, Schedule, check_at

AT_ONCE = 100


async def enqueue_due(services: Services, now: datetime) -> int:
    """How many schedules had something to be done. Every one of them is due later afterwards, so it comes to an end.

    Run twice, late or side by side it queues nothing twice that matters. Raises errors.Unavailable.
    """
    enqueued = 0
    while True:
        found = await services.store.fields(
            "schedules", ("check_at", "<=", now), select=("number",), order_by="check_at", limit=AT_ONCE
        )
        for schedule_id, _ in found:
            await _enqueue_due(services, schedule_id, now)
        enqueued += len(found)
        if len(found) < AT_ONCE:
            return enqueued


async def _enqueue_due(services: Services, schedule_id: str, now: datetime) -> None:
    path = f"schedules/{schedule_id}"
    schedule = await services.store.get(Schedule, path)
    if schedule is None or schedule.value.check_at is None or schedule.value.check_at > now:
        return
    value = schedule.value
    overdue = value.starting or (value.next_run,)
    changes: dict[str, object] = {"check_at": check_at(value.next_run, value.starting, now)}
    if overdue[0] is not None and overdue[0] <= now:
        changes = {"generation": value.generation + 1, "check_at": now + OVERDUE_AFTER}
        await services.tasks.enqueue(trigger_task(schedule_id, overdue[0], value.generation + 1, None))
    else:
        await queue_next(services, schedule_id, value)
    try:
        await services.store.commit(Update(path, changes, schedule.version))
    except Moved:
        return
