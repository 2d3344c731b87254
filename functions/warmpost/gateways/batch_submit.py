"""`/batch-submit`: a batch in, its progress out, and its pause, resume and cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from warmpost.errors import Invalid
from warmpost.gateways.auth import Keys
from warmpost.gateways.doors import asked, moment, page_of, shown_line
from warmpost.gateways.forecast import get_forecast, post_forecast
from warmpost.gateways.http import Route, Router, decode, json_response, read_body, segments
from warmpost.gateways.models import BatchModel, batch_order
from warmpost.rules.documents import Batch
from warmpost.rules.statuses import Status
from warmpost.rules.writes import Stored
from warmpost.sending.control_batch import cancel_batch, find_batch, pause_batch, resume_batch
from warmpost.sending.ports import Services
from warmpost.sending.report import count_batch, list_recipients, read_pace
from warmpost.sending.submit_batch import submit_batch

STATUSES = ("held", *(status.value for status in Status))


async def batch_submit(request: Request, services: Services, keys: Keys) -> Response:
    handle, arguments = ROUTES.find(request.method, segments(request))
    return await handle(request, services, keys, **arguments)


async def _post(request: Request, services: Services, keys: Keys) -> Response:
    caller = await keys.caller(request, "send")
    body = await read_body(request)
    order = batch_order(decode(body, BatchModel))
    submitted = await submit_batch(services, order, asked(request, caller, body))
    answer = {
        "id": int(submitted.id),
        "status": "planning",
        "recipients": submitted.recipients,
        "duplicates": submitted.duplicates,
    }
    return json_response(answer, 202, {"Location": f"/batch-submit/{submitted.id}"})


async def _get(request: Request, services: Services, keys: Keys, id: str) -> Response:
    await keys.caller(request, "read")
    return await _shown(services, await find_batch(services, id))


async def _shown(services: Services, batch: Stored[Batch]) -> Response:
    value = batch.value
    counts, pace = await count_batch(services, batch), await read_pace(services, batch)
    body: dict[str, Any] = {
        "id": int(batch.id),
        "name": value.name,
        "status": pace.status,
        "counts": counts,
        "recipients": value.total,
        "duplicates": value.duplicates,
        "planned": value.planned,
        "from": value.sender,
        "template": int(value.template),
        "template_version": value.template_version,
        "list": int(value.list_id) if value.list_id else None,
        "schedule": int(value.schedule) if value.schedule else None,
        "run": moment(value.run),
        "on_uncertain": value.on_uncertain,
        "tags": value.tags,
        "reason": value.reason or pace.reason or None,
        "paused_until": pace.paused_until,
        "cap": pace.cap,
        "warmup": {"level": pace.level, "cap": pace.cap, "used_today": pace.used_today},
        "created_at": moment(value.created_at),
        "finished_at": moment(value.finished_at),
    }
    return json_response(body)


async def _recipients(request: Request, services: Services, keys: Keys, id: str) -> Response:
    await keys.caller(request, "read")
    limit, cursor = page_of(request, ("status",))
    status = request.query_params.get("status")
    if status is not None and status not in STATUSES:
        raise Invalid("invalid_status", f"A status is one of {', '.join(STATUSES)}.", "status")
    lines, following = await list_recipients(services, id, status, cursor, limit)
    return json_response({"items": [shown_line(line) for line in lines], "next_cursor": following or None})


def _control(verb: Callable[[Services, str], Awaitable[None]]) -> Callable[..., Awaitable[Response]]:
    async def handle(request: Request, services: Services, keys: Keys, id: str) -> Response:
        await keys.caller(request, "send")
        batch = await find_batch(services, id)
        await verb(services, batch.id)
        return await _shown(services, await find_batch(services, id))

    return handle


ROUTES = Router(
    Route("POST", "/", _post),
    Route("POST", "/forecast", post_forecast),
    Route("GET", "/{id}", _get),
    Route("GET", "/{id}/forecast", get_forecast),
    Route("GET", "/{id}/recipients", _recipients),
    Route("POST", "/{id}/pause", _control(pause_batch)),
    Route("POST", "/{id}/resume", _control(resume_batch)),
    Route("POST", "/{id}/cancel", _control(cancel_batch)),
)
