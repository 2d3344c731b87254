"""The function `manage`: everything behind `/manage/…`, one module per collection."""

from __future__ import annotations

from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.ports import Services
from warmpost.gateways.http.app import Route, Router
from warmpost.gateways.http.auth import Keys
from warmpost.gateways.http.parameters import enter
from warmpost.gateways.manage import (
    addresses,
    contract,
    domains,
    health,
    keys,
    levels,
    lists,
    pools,
    preflight,
    recipients,
    sent_to,
    statistics,
    suppressions,
    templates,
    webhooks,
)

ROUTES: list[Route] = [
    *domains.ROUTES,
    *preflight.ROUTES,
    *levels.ROUTES,
    *addresses.ROUTES,
    *templates.ROUTES,
    *lists.ROUTES,
    *recipients.ROUTES,
    *sent_to.ROUTES,
    *statistics.ROUTES,
    *suppressions.ROUTES,
    *webhooks.ROUTES,
    *pools.ROUTES,
    *keys.ROUTES,
    *contract.ROUTES,
    *health.ROUTES,
]
"""A handler is called with the request, the services and the path's segments by name."""


async def manage(request: Request, services: Services, keys: Keys) -> Response:
    """Raises the Problems that `app.answer` turns into the contract's errors."""
    route, named, _ = await enter(request, keys, _router())
    return await route.handle(request, services, **named)


@cache
def _router() -> Router:
    return Router(*ROUTES)
