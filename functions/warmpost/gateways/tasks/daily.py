"""`/daily`: called by the scheduler once a day, with an identity token."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.operations.daily import run_daily
from warmpost.actions.storage.log import refusals
from warmpost.errors import NotFound
from warmpost.gateways.http.app import json_response, segments
from warmpost.gateways.http.auth import TokenCheck, bearer


async def daily(request: Request, services: Services, tokens: TokenCheck) -> Response:
    with refusals("caller_rejected"):
        await tokens.check(bearer(request))
    if request.method != "POST" or segments(request) != "/":
        raise NotFound("not_found", "The daily run is started by POST /.")
    await run_daily(services)
    return json_response({"started": True})
