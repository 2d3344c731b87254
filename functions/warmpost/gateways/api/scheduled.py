"""A message for later: accepted by `POST /send` with `scheduled_at`, shown, changed and taken back until it goes out."""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import datetime
from typing import Any

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.schedules.change_schedule import ScheduleChange, change_schedule
from warmpost.actions.schedules.control_schedule import end_schedule
from warmpost.actions.schedules.create_schedule import Timetable, create_schedule
from warmpost.actions.schedules.schedules import find_scheduled, read_order
from warmpost.errors import Conflict, Invalid
from warmpost.gateways.api.change_models import SendChange, changed_order
from warmpost.gateways.http.app import json_response, moment
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.bodies import decode, read_body
from warmpost.gateways.http.parameters import asked
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.model.derived_ids import send_message_id, short_hash
from warmpost.rules.model.writes import Stored
from warmpost.rules.requests.mailboxes import split_mailbox
from warmpost.rules.requests.requests import BatchOrder, SendOrder
from warmpost.rules.requests.requests import Request as Asked
from warmpost.rules.requests.timestamps import read_moment
from warmpost.rules.schedules.schedules import Schedule

FIELD = "scheduled_at"


async def post_scheduled(services: Services, order: SendOrder, at: str, request: Asked) -> Response:
    """The same request under one Idempotency-Key is one message."""
    when = _future(services, at)
    key = request.idempotency_key
    message_id = short_hash(
        *(("scheduled", request.key_id, key) if key else (secrets.token_bytes(16),)), length=24
    )
    timetable = Timetable(when.isoformat())
    made = await create_schedule(services, order, timetable, "", request, message_id)
    count = len({split_mailbox(one)[1].lower() for one in (*order.to, *order.cc, *order.bcc)})
    answer = {
        "id": made.message,
        "status": "scheduled",
        "recipients": count,
        "scheduled_at": moment(made.next_run),
    }
    return json_response(answer, 202, {"Location": f"/send/{made.message}"})


def _future(services: Services, at: str) -> datetime:
    when = read_moment(at, None, FIELD)
    if when < services.clock.now():
        raise Invalid("start_in_past", "This time has passed already.", FIELD)
    return when


async def show_scheduled(services: Services, message_id: str) -> Response:
    """Raises NotFound."""
    return await _shown(services, message_id, await find_scheduled(services, message_id))


async def _shown(services: Services, message_id: str, found: Stored[Schedule]) -> Response:
    value = found.value
    order = await read_order(services.store, found)
    assert isinstance(order, SendOrder)
    status = "scheduled"
    if value.state == "ended" and not value.starting:
        status = "failed" if value.failure else "cancelled"
    lines = _lines(services, message_id, order, "held" if status == "scheduled" else status)
    return json_response(
        {
            "id": message_id,
            "status": status,
            "counts": dict(Counter(one["status"] for one in lines)),
            "from": split_mailbox(order.sender)[1],
            "subject": order.subject or "",
            "template": int(order.template) if order.template and order.template.isdigit() else None,
            "tags": order.tags,
            "created_at": moment(value.created_at),
            "scheduled_at": moment(value.start_at),
            "schedule": value.number,
            "run": moment(value.next_run),
            "on_uncertain": order.on_uncertain,
            "stalled": None,
            "reason": value.failure or None,
            "recipients": lines,
        }
    )


def _lines(services: Services, message_id: str, order: SendOrder, status: str) -> list[dict[str, Any]]:
    domain = domain_of(split_mailbox(order.sender)[1])
    header = send_message_id(services.policy.project, message_id, domain)
    nothing = dict.fromkeys(("opened", "clicked", "unsubscribed"), False)
    return [
        {"to": split_mailbox(to)[1], "position": position, "message_id": header, "status": status}
        | {"sent_at": None, **nothing, "history": []}
        for position, to in enumerate(dict.fromkeys((*order.to, *order.cc, *order.bcc)))
    ]


async def patch(request: Request, services: Services, caller: Caller, id: str) -> Response:
    body = await read_body(request)
    change = decode(body, SendChange)
    found = await find_scheduled(services, id)
    caller.require_own(found.value.key_id, "message")
    if change.sender is not UNSET:
        caller.require_sender(change.sender, "from")
    times = None
    if change.scheduled_at is not UNSET:
        times = {"start_at": _future(services, change.scheduled_at).isoformat()}

    def order(before: SendOrder | BatchOrder) -> SendOrder | BatchOrder:
        assert isinstance(before, SendOrder)
        return changed_order(change, before)

    wanted = ScheduleChange(order, times)
    after = await change_schedule(
        services, lambda: find_scheduled(services, id), wanted, asked(request, caller, body)
    )
    return await _shown(services, id, after)


async def delete(request: Request, services: Services, caller: Caller, id: str) -> Response:
    """Taken back twice is taken back once."""
    found = await find_scheduled(services, id)
    caller.require_own(found.value.key_id, "message")
    after = await end_schedule(services, found.id)
    if after.value.last_run is not None:
        raise Conflict("message_sent", "This message has gone out already.")
    return await _shown(services, id, after)
