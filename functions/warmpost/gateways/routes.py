"""All that is served: the routes of every public function, and the document that describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.gateways import manage as resources
from warmpost.gateways.api import batch_submit, schedule, send
from warmpost.gateways.http.app import Route, Router
from warmpost.gateways.http.audit import handled
from warmpost.gateways.http.auth import Keys
from warmpost.gateways.http.parameters import enter
from warmpost.gateways.openapi import Operation, build, operations_of
from warmpost.gateways.readers import track
from warmpost.gateways.reports import event_webhook


async def contract(request: Request, services: Services) -> Response:
    """`/manage/openapi.json`: what this deployment can be asked, for people's tools.

    Public: it holds nothing of a deployment but what anybody can read in the source, and tools that read it send no key.
    """
    url = services.policy.base_url or str(request.base_url).rstrip("/")
    return Response(
        openapi(url), headers={"Cache-Control": "public, max-age=300"}, media_type="application/json"
    )


MANAGE: Sequence[Route] = [
    *resources.ROUTES,
    Route("GET", "/openapi.json", contract, "This document (OpenAPI 3.1)", answers={200: dict[str, Any]}),
]
"""A handler is called with the request, the services and the path's segments by name."""

SERVED: Mapping[str, Sequence[Route]] = {
    "/send": send.ROUTES.routes,
    "/batch-submit": batch_submit.ROUTES.routes,
    "/schedule": schedule.ROUTES.routes,
    "/manage": MANAGE,
    "/event-webhook": event_webhook.ROUTES.routes,
    "/track": track.ROUTES.routes,
}
"""The public functions, by the path they have behind one address."""


def operations() -> list[Operation]:
    return operations_of(SERVED)


@lru_cache(maxsize=4)
def openapi(url: str = "/") -> bytes:
    """The document as JSON; the same for the life of the process. url: of the functions."""
    return build(SERVED, url)


async def manage(request: Request, services: Services, keys: Keys) -> Response:
    """The function `manage`. Raises the Problems that `app.answer` turns into the contract's errors."""
    router = _router()
    route, named, caller = await enter(request, keys, router)
    return await handled(request, services, caller, router, route, named, keys.address(request))


@cache
def _router() -> Router:
    return Router("/manage", *MANAGE)
