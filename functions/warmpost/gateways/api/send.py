"""`/send`: one message in, its state out."""

from __future__ import annotations

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.batches.report import message_statuses, overall_status, read_stall
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.batches.settle_uncertain import settle_message
from warmpost.actions.context import Services
from warmpost.actions.delivery.find import find_message
from warmpost.errors import NotFound
from warmpost.gateways.api import answers
from warmpost.gateways.api.change_models import SendChange
from warmpost.gateways.api.content import OF_A_MESSAGE
from warmpost.gateways.api.listings import MESSAGES, ListedMessage, get_messages
from warmpost.gateways.api.models import SendModel, Settled, UncertainModel, send_order
from warmpost.gateways.api.scheduled import delete, patch, post_scheduled, show_scheduled
from warmpost.gateways.http.app import Route, Router, json_response, moment
from warmpost.gateways.http.auth import Caller, Keys
from warmpost.gateways.http.bodies import decode, read_body
from warmpost.gateways.http.parameters import ONCE, admit, asked, shown_recipient, shown_stall
from warmpost.rules.model.derived_ids import send_message_id


async def send(request: Request, services: Services, keys: Keys) -> Response:
    return await admit(request, services, keys, ROUTES)


async def _post(request: Request, services: Services, caller: Caller) -> Response:
    body = await read_body(request)
    model = decode(body, SendModel)
    order = send_order(model)
    if not order.raw:  # whose From is read with the rest of it
        caller.require_sender(order.sender, "from")
    services.metering.bill_to("send")
    if model.scheduled_at is not None:
        return await post_scheduled(services, order, model.scheduled_at, asked(request, caller, body))
    accepted = await send_message(services, order, asked(request, caller, body))
    answer = {"id": accepted.id, "status": "queued", "recipients": accepted.recipients}
    return json_response(answer, 202, {"Location": f"/send/{accepted.id}"})


async def _get(request: Request, services: Services, caller: Caller, id: str) -> Response:
    try:
        stored = await find_message(services, id)
    except NotFound:
        return await show_scheduled(services, id)
    message, lines = stored.value, await message_statuses(services, stored)
    message_id = message.raw_id or send_message_id(services.policy.project, id, message.domain)
    waiting = message.progress
    return json_response(
        {
            "id": id,
            "status": overall_status(lines),
            "counts": dict(Counter(line.status for line in lines)),
            "from": message.sender,
            "subject": message.subject,
            "template": int(message.template) if message.template else None,
            "tags": message.tags,
            "created_at": moment(message.created_at),
            "scheduled_at": None,
            "schedule": int(message.schedule) if message.schedule else None,
            "run": moment(message.run),
            "on_uncertain": message.on_uncertain,
            "reason": None,
            "stalled": shown_stall(read_stall(waiting.stalled_since, waiting.stalled_reason)),
            "recipients": [shown_recipient(line, message_id) for line in lines],
        }
    )


async def _credential(request: Request, services: Services, caller: Caller) -> Response:
    return json_response({"key_id": caller.key_id, "sender": caller.sender or None})


async def _uncertain(request: Request, services: Services, caller: Caller, id: str) -> Response:
    wanted = decode(await read_body(request), UncertainModel)
    caller.require_own((await find_message(services, id)).value.key_id, "message")
    concerned = await settle_message(services, id, wanted.resend, wanted.recipients)
    return json_response({"resend": wanted.resend, "recipients": concerned}, 202)


ROUTES = Router(
    "/send",
    Route(
        "POST",
        "/",
        _post,
        "Send one message to up to 50 recipients",
        "send",
        SendModel,
        {202: answers.AcceptedMessage},
        (ONCE,),
    ),
    Route(
        "POST",
        "/{id}/uncertain",
        _uncertain,
        "Try its uncertain recipients again, or give them up",
        "send",
        UncertainModel,
        {202: Settled},
    ),
    Route(
        "GET",
        "/",
        get_messages,
        "Single messages, newest first",
        scope="read",
        answers={200: answers.Listed[ListedMessage]},
        parameters=MESSAGES,
    ),
    Route(
        "GET",
        "/credential",
        _credential,
        "Whether a credential may send, and from which address alone",
        scope="send",
        answers={200: answers.Credential},
    ),
    Route(
        "PATCH",
        "/{id}",
        patch,
        "Change it while it waits for its time",
        "send",
        SendChange,
        {200: answers.Message},
    ),
    Route(
        "DELETE",
        "/{id}",
        delete,
        "Take it back while it waits for its time",
        scope="send",
        answers={200: answers.Message},
    ),
    *OF_A_MESSAGE,
    Route(
        "GET", "/{id}", _get, "What became of each recipient", scope="read", answers={200: answers.Message}
    ),
)
