"""`/manage/levels`: the table and the rules by which domains rise and fall."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.gateways.http.app import Route, json_response
from warmpost.gateways.manage.domain_answers import Levels
from warmpost.rules.warmup.levels import describe_table


async def get(request: Request, services: Services) -> Response:
    table = services.policy.levels
    levels = [{"level": level, "cap": cap} for level, cap in enumerate(table.caps, 1)]
    return json_response({"levels": levels, "raises_per_day": None, **describe_table(table)})


ROUTES = [Route("GET", "/levels", get, "The table of reputation levels", scope="read", answers={200: Levels})]
