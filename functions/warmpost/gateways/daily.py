"""`/daily`: called by the scheduler once a day, with an identity token."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.errors import NotFound
from warmpost.gateways.auth import TokenCheck, bearer
from warmpost.gateways.http import json_response, segments
from warmpost.sending.daily import run_daily
from warmpost.sending.journal import refusals
from warmpost.sending.ports import Services


async def daily(request: Request, services: Services, tokens: TokenCheck) -> Response:
    with refusals("caller_rejected"):
        await tokens.check(bearer(request))
    if request.method != "POST" or segments(request) != "/":
        raise NotFound("not_found", "The daily run is started by POST /.")
    await run_daily(services)
    return json_response({"started": True})
