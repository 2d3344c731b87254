"""`/manage/domains/{domain}/preflight`: would Gmail and Yahoo take the domain's bulk mail, point by point."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.identity.preflight import preflight
from warmpost.gateways.api.check_answers import shown_point
from warmpost.gateways.http.app import Route, json_response
from warmpost.gateways.manage.domain_answers import Preflight


async def get(request: Request, services: Services, domain: str) -> Response:
    found = await preflight(services, domain)
    return json_response(
        {
            "domain": found.domain,
            "ready": found.ready,
            "checked_at": services.clock.now(),
            "points": [shown_point(one) for one in found.points],
        }
    )


ROUTES = [
    Route(
        "GET",
        "/domains/{domain}/preflight",
        get,
        "Would Gmail and Yahoo take its bulk mail?",
        scope="read",
        answers={200: Preflight},
    )
]
