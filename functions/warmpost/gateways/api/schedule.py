"""`/schedule`: a message or batch for later, once or again and again; its runs, and its pause, resume and end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.schedules.change_schedule import change_schedule
from warmpost.actions.schedules.control_schedule import end_schedule, pause_schedule, resume_schedule
from warmpost.actions.schedules.create_schedule import Timetable, create_schedule
from warmpost.actions.schedules.schedules import (
    find_schedule,
    list_runs,
    list_schedules,
    next_runs,
    read_order,
)
from warmpost.errors import Invalid
from warmpost.gateways.api import answers
from warmpost.gateways.api.change_models import ScheduleChangeModel, schedule_change
from warmpost.gateways.api.models import BatchModel, ScheduleModel, SendModel, schedule_order
from warmpost.gateways.http.app import Route, Router, json_response, moment
from warmpost.gateways.http.auth import Caller, Keys
from warmpost.gateways.http.bodies import decode, read_body
from warmpost.gateways.http.collections import PAGE, page
from warmpost.gateways.http.parameters import ONCE, admit, asked
from warmpost.rules.model.writes import Stored
from warmpost.rules.requests.requests import BatchOrder, SendOrder
from warmpost.rules.requests.timestamps import read_moment
from warmpost.rules.schedules.schedules import Schedule, ScheduleRun

RECENT = NEXT = 10
ENDS = ("submitted", "failed", "missed", "skipped")


async def schedule(request: Request, services: Services, keys: Keys) -> Response:
    return await admit(request, services, keys, ROUTES)


async def _post(request: Request, services: Services, caller: Caller) -> Response:
    body = await read_body(request)
    model = decode(body, ScheduleModel)
    order = schedule_order(model)
    caller.require_sender(order.sender, "batch.from" if model.batch else "send.from")
    timetable = Timetable(
        model.start_at, model.timezone, model.every, model.rrule, model.until, model.count, model.missed
    )
    made = await create_schedule(services, order, timetable, model.name, asked(request, caller, body))
    answer = {"id": int(made.id), "state": "active", "name": model.name, "next_run": moment(made.next_run)}
    return json_response(answer, 201, {"Location": f"/schedule/{made.id}"})


async def _list(request: Request, services: Services, caller: Caller) -> Response:
    listed = await list_schedules(services, page(request))
    items = [_shown(fields) for _, fields in listed.items]
    return json_response({"items": items, "next_cursor": listed.next_cursor})


async def _get(request: Request, services: Services, caller: Caller, id: str) -> Response:
    return await _shown_whole(services, await find_schedule(services, id))


async def _runs(request: Request, services: Services, caller: Caller, id: str) -> Response:
    wanted = page(request)
    found = await find_schedule(services, id)
    runs, following = await list_runs(services, found, wanted.limit, _read_cursor(wanted.cursor))
    return json_response({"items": [_shown_run(run) for run in runs], "next_cursor": moment(following)})


def _read_cursor(cursor: str | None) -> datetime | None:
    try:
        return read_moment(cursor, None, "cursor") if cursor else None
    except Invalid:
        raise Invalid(
            "invalid_cursor", "A cursor is what the page before gave as next_cursor.", "cursor"
        ) from None


async def _patch(request: Request, services: Services, caller: Caller, id: str) -> Response:
    body = await read_body(request)
    model = decode(body, ScheduleChangeModel)
    found = await find_schedule(services, id)
    caller.require_own(found.value.key_id, "schedule")
    change = schedule_change(model, found.value.kind)
    for kind in ("send", "batch"):
        if isinstance(order := getattr(model, kind), SendModel | BatchModel):
            caller.require_sender(order.sender or "", f"{kind}.from")
    after = await change_schedule(
        services, lambda: find_schedule(services, id), change, asked(request, caller, body)
    )
    return await _shown_whole(services, after)


def _control(
    verb: Callable[[Services, str], Awaitable[Stored[Schedule]]],
) -> Callable[..., Awaitable[Response]]:
    async def handle(request: Request, services: Services, caller: Caller, id: str) -> Response:
        found = await find_schedule(services, id)
        caller.require_own(found.value.key_id, "schedule")
        return await _shown_whole(services, await verb(services, found.id))

    return handle


async def _shown_whole(services: Services, found: Stored[Schedule]) -> Response:
    value = found.value
    order = await read_order(services.store, found)
    runs, _ = await list_runs(services, found, RECENT)
    fields = {name: getattr(value, name) for name in Schedule.__slots__}
    shown = _shown(fields) | {
        "template_version": order.template_version or None,
        value.kind: _shown_order(order),
        "recent_runs": [_shown_run(run) for run in runs],
        "next_runs": [moment(one) for one in next_runs(services, value, NEXT)],
    }
    return json_response(shown)


def _shown(fields: dict[str, Any]) -> dict[str, Any]:
    """runs: how many have started, whatever became of them."""
    counts = {end: fields["counts"].get(end, 0) for end in ENDS}
    return {
        "id": fields["number"],
        "name": fields["name"],
        "kind": fields["kind"],
        "state": fields["state"],
        "start_at": moment(fields["start_at"]),
        "timezone": fields["timezone"],
        "every": fields["every_hours"],
        "rrule": fields["rrule"] or None,
        "until": moment(fields["until"]),
        "count": fields["count"],
        "missed": fields["missed"],
        "next_run": moment(fields["next_run"]),
        "last_run": moment(fields["last_run"]),
        "runs": counts["submitted"] + counts["failed"],
        "counts": counts,
        "created_at": moment(fields["created_at"]),
        "ended_at": moment(fields["ended_at"]),
        "failing": _failing(fields),
        **({"message": fields["message"]} if fields.get("message") else {}),
    }


def _failing(fields: dict[str, Any]) -> dict[str, Any] | None:
    """runs: in a row that could not be submitted; the schedule paused itself after MOST_FAILURES of them."""
    runs, reason = fields.get("failures", 0), fields.get("failure", "")
    return {"runs": runs, "reason": reason} if reason else None


def _shown_order(order: SendOrder | BatchOrder) -> dict[str, Any]:
    """As it was given, without what is in attachments; of inline recipients only how many there are."""
    shown = {
        "from": order.sender,
        "reply_to": order.reply_to,
        "subject": order.subject,
        "template": _reference(order.template),
        "data": order.data,
        "headers": order.headers,
        "tags": order.tags,
        "on_uncertain": order.on_uncertain,
        "track": order.track,
        "unsubscribe": order.unsubscribe,
        "attachments": [
            {
                "filename": one.filename,
                "content_type": one.content_type or None,
                "content_id": one.content_id or None,
                "bytes": len(one.content),
            }
            for one in order.attachments
        ],
    }
    more: dict[str, Any]
    if isinstance(order, SendOrder):
        more = {"to": order.to, "cc": order.cc, "bcc": order.bcc, "html": order.html, "text": order.text}
    else:
        count = None if order.recipients is None else len(order.recipients)
        more = {"name": order.name, "list": _reference(order.list), "recipients": count}
    return shown | more


def _reference(text: str | None) -> int | str | None:
    """An id or a name, as it was written."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else text


def _shown_run(run: ScheduleRun) -> dict[str, Any]:
    """first, runs: of several in a row that were let pass together, the earliest and how many."""
    shown: dict[str, Any] = {"run": moment(run.run), "status": run.status, "at": moment(run.at)}
    if run.batch:
        shown["batch"] = int(run.batch)
    if run.message:
        shown["message"] = run.message
    if run.code:
        shown["reason"] = {"code": run.code, "message": run.reason, "field": run.field or None}
    if run.first:
        shown |= {"first": moment(run.first), "runs": run.runs}
    return shown


_WHOLE = {200: answers.Schedule}

ROUTES = Router(
    "/schedule",
    Route(
        "POST",
        "/",
        _post,
        "A message or batch at a time, or recurring",
        "send",
        ScheduleModel,
        {201: answers.Scheduled},
        (ONCE,),
    ),
    Route(
        "GET",
        "/",
        _list,
        "All schedules",
        scope="read",
        answers={200: answers.Listed[answers.ScheduleRow]},
        parameters=PAGE,
    ),
    Route("GET", "/{id}", _get, "One schedule and its latest runs", scope="read", answers=_WHOLE),
    Route(
        "PATCH",
        "/{id}",
        _patch,
        "Change what it sends, and when",
        "send",
        ScheduleChangeModel,
        _WHOLE,
    ),
    Route("DELETE", "/{id}", _control(end_schedule), "End it", scope="send", answers=_WHOLE),
    Route(
        "GET",
        "/{id}/runs",
        _runs,
        "Its runs, latest first",
        scope="read",
        answers={200: answers.Listed[answers.Run]},
        parameters=PAGE,
    ),
    Route("POST", "/{id}/pause", _control(pause_schedule), "Pause it", "send", answers=_WHOLE),
    Route("POST", "/{id}/resume", _control(resume_schedule), "Resume it", "send", answers=_WHOLE),
)
