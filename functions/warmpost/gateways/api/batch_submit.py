"""`/batch-submit`: a batch in, its progress out, and its pause, resume and cancel, and what becomes of the uncertain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.batches.check_batch import check_batch
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.batches.report import count_batch, find_slowness, find_stall, read_pace
from warmpost.actions.batches.settle_uncertain import settle_batch
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.context import Services
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.identity.preflight import preflight
from warmpost.actions.statistics.costs import batch_usage, messages
from warmpost.gateways.api import answers
from warmpost.gateways.api.check_answers import Checked, shown_point
from warmpost.gateways.api.content import OF_A_BATCH
from warmpost.gateways.api.costs import shown_cost
from warmpost.gateways.api.forecast import FORECAST, FORMAT, get_forecast, post_forecast, shown_forecast
from warmpost.gateways.api.listings import BATCHES, ListedBatch, get_batches
from warmpost.gateways.api.models import BatchModel, Settled, UncertainModel, batch_order
from warmpost.gateways.api.recipients import DETAILS, RECIPIENTS, get_recipients
from warmpost.gateways.http.app import Route, Router, deadline, json_response, moment
from warmpost.gateways.http.auth import Caller, Keys
from warmpost.gateways.http.bodies import decode, read_body
from warmpost.gateways.http.parameters import (
    ONCE,
    admit,
    asked,
    shown_stall,
)
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.model.writes import Stored


async def batch_submit(request: Request, services: Services, keys: Keys) -> Response:
    return await admit(request, services, keys, ROUTES)


async def _post(request: Request, services: Services, caller: Caller) -> Response:
    body = await read_body(request)
    order = batch_order(decode(body, BatchModel))
    caller.require_sender(order.sender, "from")
    submitted = await submit_batch(services, order, asked(request, caller, body))
    answer = {
        "id": int(submitted.id),
        "status": submitted.status,
        "recipients": submitted.recipients,
        "duplicates": submitted.duplicates,
    }
    return json_response(answer, 202, {"Location": f"/batch-submit/{submitted.id}"})


async def _get(request: Request, services: Services, caller: Caller, id: str) -> Response:
    return await _shown(services, await find_batch(services, id))


async def _shown(services: Services, batch: Stored[Batch]) -> Response:
    value = batch.value
    counts, pace = await count_batch(services, batch), await read_pace(services, batch)
    stall, slowed = await find_stall(services, batch), await find_slowness(services, batch)
    body: dict[str, Any] = {
        "id": int(batch.id),
        "status": pace.status,
        "counts": counts,
        **_as_submitted(value),
        "reason": value.reason or pace.reason or None,
        "paused_until": deadline(pace.paused_until),
        "stalled": shown_stall(stall),
        "slowed": slowed,
        "cap": pace.cap,
        "warmup": {"level": pace.level, "cap": pace.cap, "used_today": pace.used_today},
        "created_at": moment(value.created_at),
        "finished_at": moment(value.finished_at),
        "cost": shown_cost(await batch_usage(services, batch), services.policy.prices, messages(counts)),
    }
    return json_response(body)


def _as_submitted(value: Batch) -> dict[str, Any]:
    return {
        "name": value.name,
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
    }


def _control(verb: Callable[[Services, str], Awaitable[None]]) -> Callable[..., Awaitable[Response]]:
    async def handle(request: Request, services: Services, caller: Caller, id: str) -> Response:
        batch = await find_batch(services, id)
        caller.require_own(batch.value.key_id, "batch")
        await verb(services, batch.id)
        return await _shown(services, await find_batch(services, id))

    return handle


async def _uncertain(request: Request, services: Services, caller: Caller, id: str) -> Response:
    wanted = decode(await read_body(request), UncertainModel)
    batch = await find_batch(services, id)
    caller.require_own(batch.value.key_id, "batch")
    concerned = await settle_batch(services, batch.id, wanted.resend, wanted.recipients)
    return json_response({"resend": wanted.resend, "recipients": concerned}, 202)


_WHOLE = {200: answers.Batch}


async def post_check(request: Request, services: Services, caller: Caller) -> Response:
    order = batch_order(decode(await read_body(request), BatchModel))
    caller.require_sender(order.sender, "from")
    done = await check_batch(services, order)
    found = await preflight(services, done.domain)
    return json_response(
        {
            "recipients": done.recipients,
            "looked_at": done.looked_at,
            "would_be_sent": done.would_be_sent,
            "duplicates": done.duplicates,
            "invalid": done.invalid,
            "suppressed": dict(done.suppressed),
            "lacking": {
                "count": done.lacking,
                "first": [{"to": one.to, "variables": one.variables} for one in done.lacks],
            },
            "largest_mail": done.largest_mail,
            "cost": shown_cost(done.usage, services.policy.prices, done.would_be_sent),
            "forecast": shown_forecast(done.forecast) if done.forecast else None,
            "preflight": [shown_point(one) for one in found.points if one.ok is not True],
        }
    )


ROUTES = Router(
    "/batch-submit",
    Route(
        "POST",
        "/",
        _post,
        "Send a template to a list or to inline recipients",
        "send",
        BatchModel,
        {202: answers.AcceptedBatch},
        (ONCE,),
    ),
    Route(
        "POST",
        "/check",
        post_check,
        "What would become of such a batch; nothing is stored",
        "send",
        BatchModel,
        {200: Checked},
    ),
    Route(
        "POST",
        "/forecast",
        post_forecast,
        "When such a batch would be out; nothing is stored",
        "send",
        BatchModel,
        FORECAST,
        (FORMAT,),
    ),
    Route(
        "GET",
        "/",
        get_batches,
        "All batches, newest first",
        scope="read",
        answers={200: answers.Listed[ListedBatch]},
        parameters=BATCHES,
    ),
    Route("GET", "/{id}", _get, "Progress of a batch", scope="read", answers=_WHOLE),
    Route(
        "GET",
        "/{id}/forecast",
        get_forecast,
        "When it will be out",
        scope="read",
        answers=FORECAST,
        parameters=(FORMAT,),
    ),
    Route(
        "GET",
        "/{id}/recipients",
        get_recipients,
        "Its recipients and what became of them",
        scope="read",
        answers={200: (answers.Listed[answers.Line], "text/csv")},
        parameters=RECIPIENTS,
    ),
    *OF_A_BATCH,
    *DETAILS,
    Route(
        "POST",
        "/{id}/uncertain",
        _uncertain,
        "Try its uncertain recipients again, or give them up",
        "send",
        UncertainModel,
        {202: Settled},
    ),
    Route("POST", "/{id}/pause", _control(pause_batch), "Pause it", "send", answers=_WHOLE),
    Route("POST", "/{id}/resume", _control(resume_batch), "Resume it", "send", answers=_WHOLE),
    Route("POST", "/{id}/cancel", _control(cancel_batch), "Cancel what has not left", "send", answers=_WHOLE),
)
