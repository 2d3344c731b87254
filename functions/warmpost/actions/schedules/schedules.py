"""Schedules in the store and in the queue: finding them, reading what they order, listing them and their runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.ports import Store
from warmpost.actions.storage.pagination import Listed, Page, list_by_number
from warmpost.errors import NotFound
from warmpost.rules.delivery.documents import Part
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.model.documents import Name
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Put, Stored
from warmpost.rules.requests.requests import BatchOrder, SendOrder
from warmpost.rules.schedules.request_packing import unpack_order
from warmpost.rules.schedules.schedules import Schedule, ScheduleRun, is_near, run_id, series_of

MOST_ID = 64
END_OF_TIME = datetime.max.replace(tzinfo=UTC)
LISTED_FIELDS = tuple(
    "number name kind state next_run last_run start_at timezone every_hours rrule until count missed counts "
    "created_at ended_at failures failure message".split()
)


async def find_schedule(services: Services, schedule_id: str) -> Stored[Schedule]:
    """Raises NotFound."""
    known = schedule_id.isascii() and schedule_id.isdigit() and len(schedule_id) < 16
    found = await services.store.get(Schedule, f"schedules/{int(schedule_id)}") if known else None
    if found is None:
        raise NotFound("schedule_not_found", f"There is no schedule {schedule_id[:100]!r}.")
    return found


def scheduled_path(message_id: str) -> str:
    """Of the document that names the schedule of a message which was accepted before its time."""
    return f"scheduled/{message_id}"


async def find_scheduled(services: Services, message_id: str) -> Stored[Schedule]:
    """The schedule of a message that was accepted before its time. Raises NotFound."""
    known = message_id.isascii() and message_id.isalnum() and len(message_id) <= MOST_ID
    name = await services.store.get(Name, scheduled_path(message_id)) if known else None
    if name is None:
        raise NotFound("message_not_found", f"There is no message {message_id[:MOST_ID]!r}.")
    return await find_schedule(services, name.value.id)


async def read_order(store: Store, schedule: Stored[Schedule]) -> SendOrder | BatchOrder:
    parts = await store.find(Part, f"{schedule.path}/parts", limit=schedule.value.parts)
    return unpack_order(b"".join(one.value.content for one in parts))


async def list_schedules(services: Services, page: Page) -> Listed[tuple[str, dict[str, Any]]]:
    """Without what they send."""
    return await list_by_number(services.store, "schedules", page, LISTED_FIELDS)


async def list_runs(
    services: Services, schedule: Stored[Schedule], limit: int, before: datetime | None = None
) -> tuple[list[ScheduleRun], datetime | None]:
    """The latest first, of those earlier than `before`; what to give as `before` next, None at the end."""
    found = await services.store.find(
        ScheduleRun, f"{schedule.path}/runs", order_by="run", descending=True, after=before, limit=limit + 1
    )
    runs = [one.value for one in found[:limit]]
    return runs, runs[-1].run if len(found) > limit else None


def next_runs(services: Services, schedule: Schedule, most: int) -> list[datetime]:
    """Those that are to come, the next one first; none while it is paused."""
    if schedule.next_run is None:
        return []
    further = services.recurrence.missed_runs(schedule.next_run, END_OF_TIME, series_of(schedule))
    return [schedule.next_run, *islice(further, most - 1)]


def trigger_task(schedule_id: str, run: datetime, generation: int, at: datetime | None) -> Task:
    body = {"schedule": schedule_id, "run": run.isoformat()}
    return Task("trigger", body, task_name("trigger", schedule_id, run_id(run), generation), at)


async def queue_next(services: Services, schedule_id: str, schedule: Schedule) -> None:
    """Queues the next run's task where it can be queued already; repeating it queues no second one."""
    run = schedule.next_run
    if run is not None and is_near(run, services.clock.now()):
        await services.tasks.enqueue(trigger_task(schedule_id, run, schedule.generation, run))


def changed_fields(before: Schedule, after: Schedule) -> dict[str, object]:
    return {
        one.name: getattr(after, one.name)
        for one in fields(Schedule)
        if getattr(after, one.name) != getattr(before, one.name)
    }


def run_writes(path: str, runs: Sequence[ScheduleRun]) -> list[Put]:
    return [Put(run_path(path, one.run), one) for one in runs]


def run_path(path: str, run: datetime) -> str:
    return f"{path}/runs/{run_id(run)}"
