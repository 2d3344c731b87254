"""Requests that change something, noted in the audit trail once they have succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.operations.audit import keep_audit
from warmpost.errors import Problem
from warmpost.gateways.http.app import Route, Router, segments
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.bodies import body_seen
from warmpost.rules.operations.audit import ERASES, changes_of, is_change, path_noted

COMPARED = ("PATCH", "PUT", "DELETE")


async def handled(
    request: Request,
    services: Services,
    caller: Caller | None,
    router: Router,
    route: Route,
    arguments: Mapping[str, str],
    address: str = "",
) -> Response:
    """The route's answer. address: from where the caller asks."""
    given = (services,) if router.function == "/manage" else (services, caller)
    action = f"{route.method} {router.function}{route.pattern if route.pattern != '/' else ''}"
    if caller is None or not is_change(route.method, action):
        return await route.handle(request, *given, **arguments)
    compared = route.method in COMPARED and action != ERASES
    before = await _before(request, given, router) if compared else None
    response = await route.handle(request, *given, **arguments)
    if response.status_code < 400:
        services.cache.forget_everything()
        path = f"{router.function}{segments(request)}".rstrip("/")
        changes = changes_of(route.method, _decoded(body_seen(request)), before)
        await keep_audit(services, caller.key_id, action, path_noted(action, path), address, changes)
    return response


async def _before(request: Request, given: tuple[Any, ...], router: Router) -> Any:
    """What the same path answers before it is changed; None where nothing is to be seen there."""
    scope = {**request.scope, "method": "GET", "query_string": b""}
    asked = Request(scope, request.receive)
    try:
        route, arguments = router.match(asked)
        return _decoded((await route.handle(asked, *given, **arguments)).body)
    except Problem:
        return None


def _decoded(body: bytes | memoryview) -> Any:
    try:
        return msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
