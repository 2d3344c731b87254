"""`/send`: one message in, its state out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.gateways.auth import Keys
from warmpost.gateways.doors import asked, moment, shown_line
from warmpost.gateways.http import Route, Router, decode, json_response, read_body, segments
from warmpost.gateways.models import SendModel, send_order
from warmpost.sending.ports import Services
from warmpost.sending.report import find_message, message_lines, overall_status
from warmpost.sending.send_message import send_message


async def send(request: Request, services: Services, keys: Keys) -> Response:
    handle, arguments = ROUTES.find(request.method, segments(request))
    return await handle(request, services, keys, **arguments)


async def _post(request: Request, services: Services, keys: Keys) -> Response:
    caller = await keys.caller(request, "send")
    body = await read_body(request)
    order = send_order(decode(body, SendModel))
    accepted = await send_message(services, order, asked(request, caller, body))
    answer = {"id": accepted.id, "status": "queued", "recipients": accepted.recipients}
    return json_response(answer, 202, {"Location": f"/send/{accepted.id}"})


async def _get(request: Request, services: Services, keys: Keys, id: str) -> Response:
    await keys.caller(request, "read")
    stored = await find_message(services, id)
    message, lines = stored.value, await message_lines(services, stored)
    return json_response(
        {
            "id": id,
            "status": overall_status(lines),
            "from": message.sender,
            "subject": message.subject,
            "template": int(message.template) if message.template else None,
            "tags": message.tags,
            "created_at": moment(message.created_at),
            "schedule": int(message.schedule) if message.schedule else None,
            "run": moment(message.run),
            "on_uncertain": message.on_uncertain,
            "recipients": [shown_line(line) for line in lines],
        }
    )


ROUTES = Router(Route("POST", "/", _post), Route("GET", "/{id}", _get))
