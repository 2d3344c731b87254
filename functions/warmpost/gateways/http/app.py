"""The HTTP contract's frame: request ids, errors in one form, one format of times, routes.

Every door answers through `answer`, so that no exception reaches a client as anything but the contract's error.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

import msgspec
from starlette import routing
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from warmpost import errors
from warmpost.actions.storage import log
from warmpost.gateways.http.bodies import room
from warmpost.rules.model.documents import Scope

T = TypeVar("T")

STATUS: dict[type[errors.Problem], int] = {
    errors.Malformed: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.NotAllowed: 405,
    errors.Conflict: 409,
    errors.Outdated: 412,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.Invalid: 422,
    errors.LimitReached: 429,
    errors.Unavailable: 503,
}
Handler = Callable[..., Awaitable[Response]]


def moment(value: datetime | None) -> str | None:
    """As all answers show times: RFC 3339 in UTC, to the second."""
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def deadline(value: datetime | None) -> str | None:
    """A time until which something holds: whoever comes at it finds it over, so a part of a second counts as a whole."""
    part = timedelta(microseconds=-value.microsecond % 1_000_000) if value else timedelta()
    return moment(value + part if value else None)


def _shown(value: Any) -> Any:
    """With every time in the one format."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, dict):
        return {name: _shown(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(inner) for inner in value]
    return value


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = msgspec.json.encode(_shown(body))
    return Response(content, status, dict(headers or {}), "application/json")


def problem_response(problem: errors.Problem, request_id: str) -> Response:
    error: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if problem.field is not None:
        error["field"] = problem.field
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else {}
    if isinstance(problem, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(problem, errors.NotAllowed):
        headers["Allow"] = problem.allow
    return json_response({"error": error, "request_id": request_id}, STATUS[type(problem)], headers)


async def answer(
    request: Request, handle: Callable[[Request], Awaitable[Response]], function: str = ""
) -> Response:
    """Runs a handler and turns what goes wrong into the contract's error; never raises. function: named in the log."""
    request_id = uuid.uuid4().hex
    with log.about(function=function, request_id=request_id, **log.trace_of(request.headers)):
        try:
            response = await _answer(request, handle, request_id)
        finally:
            room.leave(request)
    response.headers["X-Request-Id"] = request_id
    return _without_body(response) if request.method == "HEAD" else response


def _without_body(response: Response) -> Response:
    """RFC 9110 section 9.3.2: the fields of the answer to GET, and nothing behind them."""
    return Response(status_code=response.status_code, headers=dict(response.headers))


async def _answer(
    request: Request, handle: Callable[[Request], Awaitable[Response]], request_id: str
) -> Response:
    try:
        response = await handle(request)
    except errors.Problem as problem:
        if isinstance(problem, errors.Unavailable):
            log.log_event("service_unavailable", problem.message, code=problem.code)
        response = problem_response(problem, request_id)
    except errors.Moved:
        busy = errors.Conflict(
            "changed_meanwhile", "Another request changed the same thing just now; try again."
        )
        response = problem_response(busy, request_id)
    except ClientDisconnect:
        response = Response(status_code=499)
    except Exception as failure:
        log.log_event("request_failed", f"request {request_id} failed: {failure!r}", failed=failure)
        error = {
            "code": "internal",
            "message": "Something failed on our side; the request id names it in the logs.",
        }
        response = json_response({"error": error, "request_id": request_id}, 500)
    return response


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of the query, or with `where` a header. kind: a type that msgspec makes a schema of."""

    name: str
    kind: Any = str
    says: str = ""
    where: Literal["query", "header"] = "query"


@dataclass(frozen=True, slots=True)
class Route:
    """pattern: path segments, `{name}` for one that the handler receives as an argument.

    The rest is what `gateways.openapi` tells of it. scope: what a key needs, None where no key does. body, and answers by
    status: a type of which msgspec makes a schema, a media type for what is no JSON, several in a tuple, None for nothing.
    """

    method: str
    pattern: str
    handle: Handler
    summary: str = ""
    scope: Scope | None = None
    body: Any = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()


class Router:
    """Picks the route of a request. HEAD is served where GET is; a trailing slash means the same as none.

    function: the path of the function whose routes these are, for whoever is told that there is nothing.
    """

    def __init__(self, function: str, *routes: Route) -> None:
        self.function = function
        self.routes = routes
        self._patterns = [
            (one, routing.Route(one.pattern, one.handle, methods=[one.method])) for one in routes
        ]

    def match(self, request: Request) -> tuple[Route, dict[str, str]]:
        """Raises NotFound, or NotAllowed with the methods there are; OPTIONS is answered with them."""
        path, method = segments(request), request.method
        scope = {"type": "http", "method": method, "path": path.rstrip("/") or "/"}
        allowed: set[str] = set()
        for route, pattern in self._patterns:
            found, child = pattern.matches(scope)
            if found is routing.Match.FULL:
                return route, {name: unquote(value) for name, value in child["path_params"].items()}
            if found is routing.Match.PARTIAL:
                allowed |= pattern.methods or set()
        whole = f"{self.function}{path if path != '/' else ''}"
        if not allowed:
            raise errors.NotFound("not_found", f"There is nothing at {whole[:200]}.")
        allow = ", ".join(sorted(allowed | {"OPTIONS"}))
        if method == "OPTIONS":
            return Route("OPTIONS", path, _options(allow)), {}
        raise errors.NotAllowed(
            "method_not_allowed", f"{method} is not possible at {whole[:200]}; {allow} is.", allow
        )


def _options(allow: str) -> Handler:
    async def handle(*_: object) -> Response:
        return Response(status_code=204, headers={"Allow": allow})

    return handle


def segments(request: Request) -> str:
    """The path behind the function's own name as it came over the wire, so that `%2F` is no separator."""
    raw: bytes | None = request.scope.get("raw_path")
    path: str = raw.decode("ascii", "replace") if raw else request.scope["path"]
    return path.partition("?")[0].removeprefix(request.scope.get("root_path", "")) or "/"
