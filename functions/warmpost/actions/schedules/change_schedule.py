"""Change a schedule: what it sends and when, until it has ended; runs that have started go on as they were."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.schedules.create_schedule import (
    Timetable,
    blamed_on,
    check_order,
    read_timetable,
)
from warmpost.actions.schedules.schedules import changed_fields, queue_next, read_order
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import Conflict
from warmpost.rules.delivery.documents import Part
from warmpost.rules.message.message_packing import slices
from warmpost.rules.model.writes import Delete, Put, Stored, Update, Write
from warmpost.rules.requests.requests import BatchOrder, Request, SendOrder
from warmpost.rules.schedules.request_packing import pack_order
from warmpost.rules.schedules.schedules import Schedule, check_at

BUSY = Conflict("changed_meanwhile", "The schedule keeps changing just now; try again.")
TIMES = ("start_at", "timezone", "every", "rrule", "until", "count")


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """order: from what it sends to what it is to send, None for the same. times: of a Timetable's fields, those given.

    others: of a Schedule's own fields, such as `name`.
    """

    order: Callable[[SendOrder | BatchOrder], SendOrder | BatchOrder] | None = None
    times: dict[str, Any] | None = None
    others: dict[str, Any] | None = None


async def change_schedule(
    services: Services, find: Callable[[], Any], change: ScheduleChange, request: Request
) -> Stored[Schedule]:
    """find: reads the schedule anew each time. Raises what creating it raises, and Conflict where it has ended."""
    after = await retry_on_conflict(lambda: _changed(services, find, change, request), otherwise=BUSY)
    await queue_next(services, after.id, after.value)
    return after


async def _changed(
    services: Services, find: Callable[[], Any], change: ScheduleChange, request: Request
) -> Stored[Schedule]:
    before: Stored[Schedule] = await find()
    value = before.value
    if value.state == "ended":
        raise Conflict("schedule_ended", "This has run or was ended already; nothing of it can be changed.")
    after = replace(value, **(change.others or {}))
    if change.times:
        after = _at_other_times(services, after, change.times)
    writes: list[Write] = []
    if change.order is not None:
        order = change.order(await read_order(services.store, before))
        with nullcontext() if value.message else blamed_on(value.kind):
            needs = await check_order(services, order, request)
        pieces = list(slices(pack_order(order)))
        writes += [Put(f"{before.path}/parts/{n:03d}", Part(piece)) for n, piece in enumerate(pieces)]
        writes += [Delete(f"{before.path}/parts/{n:03d}") for n in range(len(pieces), value.parts)]
        after = replace(after, parts=len(pieces), needs=needs)
    changes = changed_fields(value, after)
    if not changes and not writes:
        return before
    changes |= {"parts": after.parts}  # an update of nothing is none
    version, *_ = await services.store.commit(Update(before.path, changes, before.version), *writes)
    return Stored(before.path, after, version)


def _at_other_times(services: Services, value: Schedule, times: dict[str, Any]) -> Schedule:
    """A new generation: the task of the run that was next may come at its old time, and finds nothing due."""
    present = {
        "start_at": value.start_at.isoformat(),
        "timezone": value.timezone,
        "every": value.every_hours,
        "rrule": value.rrule or None,
        "until": value.until.isoformat() if value.until else None,
        "count": value.count,
    }
    timetable = Timetable(**(present | times), missed=value.missed)
    series, first = read_timetable(services, timetable, goes_on="start_at" not in times)
    paused = value.state == "paused"
    return replace(
        value,
        start_at=series.start_at,
        timezone=str(series.timezone),
        every_hours=series.every_hours,
        rrule=series.rrule,
        until=series.until,
        count=series.count,
        next_run=None if paused else first,
        held_run=first if paused else None,
        check_at=check_at(None if paused else first, value.starting, services.clock.now()),
        generation=value.generation + 1,
    )
