"""Create a schedule: everything that can be known to be wrong is found now, not at the hour of the first run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from warmpost.actions.batches.idempotency import accept_once, earlier_answer
from warmpost.actions.batches.send_message import check_bound, prepare_message
from warmpost.actions.batches.submit_batch import prepare_batch
from warmpost.actions.context import Services
from warmpost.actions.schedules.schedules import queue_next, scheduled_path
from warmpost.actions.state.message_store import store_parts
from warmpost.actions.templates.build_message import Written
from warmpost.errors import Invalid, Problem
from warmpost.rules.model.documents import Name
from warmpost.rules.model.writes import Create, Write
from warmpost.rules.requests.requests import BatchOrder, Request, SendOrder
from warmpost.rules.requests.timestamps import read_moment, read_zone
from warmpost.rules.schedules.recurrence import Series
from warmpost.rules.schedules.request_packing import pack_order
from warmpost.rules.schedules.schedules import Missed, Schedule, check_at

AT_THE_TOP = ("template_version",)


@dataclass(frozen=True, slots=True)
class Timetable:
    """When, as the caller wrote it: see `recurrence.Series`. Times are RFC 3339, or wall time in `timezone`."""

    start_at: str
    timezone: str | None = None
    every: int | str | None = None
    rrule: str | None = None
    until: str | None = None
    count: int | None = None
    missed: Missed = "send"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """message: the id of a message that was accepted before its time."""

    id: str
    next_run: datetime
    message: str = ""


async def create_schedule(
    services: Services,
    order: SendOrder | BatchOrder,
    timetable: Timetable,
    name: str,
    request: Request,
    message_id: str = "",
) -> Scheduled:
    """message_id: of a message that is sent once, and whose errors are told as `POST /send` does.

    Raises the errors of `send_message` or `submit_batch`, their fields behind `send.` or `batch.`; Invalid for times
    and rules; Conflict where an idempotency key comes with another body.
    """
    before = await earlier_answer(services, "schedule", request)
    if before is not None:
        return _answer(before)
    series, first = read_timetable(services, timetable)
    kind: Literal["send", "batch"] = "batch" if isinstance(order, BatchOrder) else "send"
    with nullcontext() if message_id else blamed_on(kind):
        needs = await check_order(services, order, request)
    number = await services.store.next_number("schedules")
    schedule = _first_state(number, kind, timetable.missed, series, first, services.clock.now())
    schedule = replace(schedule, name=name, key_id=request.key_id, needs=needs, message=message_id)
    parts = await store_parts(services.store, f"schedules/{number}", pack_order(order), most_inline=0)
    # Queued first: if the queue fails nothing was accepted, and a task without its schedule is dropped.
    await queue_next(services, str(number), schedule)
    created: list[Write] = [Create(f"schedules/{number}", replace(schedule, parts=parts))]
    if message_id:
        created.append(Create(scheduled_path(message_id), Name(str(number))))
    words = (number, first.isoformat(), message_id)
    return _answer(await accept_once(services, "schedule", request, created, words))


async def check_order(services: Services, order: SendOrder | BatchOrder, request: Request) -> tuple[str, ...]:
    """Paths of what its runs cannot do without. Raises as `create_schedule`."""
    if isinstance(order, BatchOrder):
        written, batch, _ = await prepare_batch(services, order)
        return needed_by(written, batch.list_id)
    written = (await prepare_message(services, order))[1]
    check_bound(written, request)
    return needed_by(written)


def needed_by(written: Written, list_id: str = "") -> tuple[str, ...]:
    named = {"domains": written.domain, "templates": written.template, "lists": list_id}
    return tuple(f"{collection}/{id}" for collection, id in named.items() if id)


def _first_state(
    number: int,
    kind: Literal["send", "batch"],
    missed: Missed,
    series: Series,
    first: datetime,
    now: datetime,
) -> Schedule:
    return Schedule(
        number=number,
        kind=kind,
        name="",
        state="active",
        parts=0,
        key_id="",
        created_at=now,
        missed=missed,
        start_at=series.start_at,
        timezone=str(series.timezone),
        every_hours=series.every_hours,
        rrule=series.rrule,
        until=series.until,
        count=series.count,
        next_run=first,
        check_at=check_at(first, (), now),
    )


@contextmanager
def blamed_on(part: str) -> Iterator[None]:
    """What is wrong with a part of the request is told with the path to it."""
    try:
        yield
    except Problem as problem:
        if problem.field and problem.field not in AT_THE_TOP:
            problem.field = f"{part}.{problem.field}"
        raise


def read_timetable(
    services: Services, timetable: Timetable, *, goes_on: bool = False
) -> tuple[Series, datetime]:
    """The series and its first run from now on. goes_on: it may have begun before. Raises Invalid."""
    zone = read_zone(timetable.timezone) if timetable.timezone is not None else None
    start_at = read_moment(timetable.start_at, zone, "start_at")
    if start_at < services.clock.now() and not goes_on:
        raise Invalid("start_in_past", "The start has passed already.", "start_at")
    if timetable.until is not None and timetable.count is not None:
        raise Invalid("invalid_count", "Give until or count, not both.", "count")
    if timetable.every is None and timetable.rrule is None:
        for field in ("until", "count"):
            if getattr(timetable, field) is not None:
                raise Invalid("unexpected_field", f"{field} goes with every or rrule.", field)
    series = services.recurrence.parse_series(
        start_at,
        timetable.timezone or "UTC",
        every=timetable.every,
        rrule=timetable.rrule,
        until=read_moment(timetable.until, zone, "until") if timetable.until is not None else None,
        count=timetable.count,
    )
    first = services.recurrence.next_run(services.clock.now() if goes_on else None, series)
    if first is None:
        raise Invalid("invalid_until", "There is no run before the end.", "until")
    return series, first


def _answer(words: Sequence[str]) -> Scheduled:
    schedule_id, next_run, *message = words
    return Scheduled(schedule_id, datetime.fromisoformat(next_run), message[0] if message else "")
