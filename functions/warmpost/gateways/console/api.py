"""The API asked from within: a page shows what a route answers, by the same handler, scope and words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.errors import Problem
from warmpost.gateways.http.app import Router
from warmpost.gateways.http.audit import handled
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.bodies import room
from warmpost.gateways.http.parameters import check_query, let_in
from warmpost.gateways.routes import SERVED

CSV = "text/csv; charset=utf-8"


class Api:
    """As one caller; every method raises the Problem that the API would answer with."""

    def __init__(self, request: Request, services: Services, caller: Caller) -> None:
        self._request = request
        self._services = services
        self.caller = caller

    async def get(self, path: str, **query: object) -> Any:
        """query: what is empty or None is left out; `from_` stands for `from`."""
        return await self._answer("GET", path, query=query)

    async def post(self, path: str, body: object = None, once: str = "") -> Any:
        """once: the Idempotency-Key."""
        return await self._answer("POST", path, body, headers={"idempotency-key": once} if once else {})

    async def patch(self, path: str, body: object, seen: str = "") -> Any:
        """seen: the version that the caller has looked at, for If-Match."""
        return await self._answer("PATCH", path, body, headers={"if-match": seen} if seen else {})

    async def put(self, path: str, body: object) -> Any:
        return await self._answer("PUT", path, body)

    async def delete(self, path: str, **query: object) -> Any:
        return await self._answer("DELETE", path, query=query)

    async def upload(self, path: str, csv: bytes, **query: object) -> Any:
        return await self._answer("POST", path, csv, query, {"content-type": CSV})

    async def download(self, path: str, **query: object) -> Response:
        """The route's own answer, for what is a file."""
        return await self._ask("GET", path, b"", query, {})

    def has(self, method: str, path: str) -> bool:
        """Whether there is such a route, whatever the key may do."""
        function, router = _router_of(path)
        try:
            router.match(
                _inner_request(self._request, method, path.removeprefix(function) or "/", b"", {}, {})
            )
        except Problem:
            return False
        return True

    async def maybe(self, path: str, **query: object) -> Any:
        """None where the route refuses, for a part of a page without which the rest stands."""
        try:
            return await self.get(path, **query)
        except Problem:
            return None

    async def _answer(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, object] = {},
        headers: Mapping[str, str] = {},
    ) -> Any:
        content = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        response = await self._ask(method, path, content, query, headers)
        return msgspec.json.decode(response.body) if response.body else None

    async def _ask(
        self, method: str, path: str, body: bytes, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> Response:
        function, router = _router_of(path)
        asked = _inner_request(
            self._request, method, path.removeprefix(function) or "/", body, query, headers
        )
        route, arguments = router.match(asked)
        self.caller.require_scope(route.scope)
        check_query(asked, route)
        let_in(asked, self.caller)
        try:
            return await handled(asked, self._services, self.caller, router, route, arguments, "console")
        finally:
            room.leave(asked)


@cache
def _routers() -> dict[str, Router]:
    return {function: Router(function, *routes) for function, routes in SERVED.items()}


def _router_of(path: str) -> tuple[str, Router]:
    function = "/" + path.split("/")[1]
    return function, _routers()[function]


def _inner_request(
    outer: Request,
    method: str,
    path: str,
    body: bytes,
    query: Mapping[str, object],
    headers: Mapping[str, str],
) -> Request:
    asked = {name.rstrip("_"): str(value) for name, value in query.items() if value not in (None, "")}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(asked).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": outer.scope.get("client"),
        "server": outer.scope.get("server"),
        "scheme": outer.scope.get("scheme", "http"),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(text, safe="@")
