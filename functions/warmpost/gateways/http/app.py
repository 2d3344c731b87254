"""The HTTP contract's frame: request ids, errors in one form, bodies read with a limit, routes.

Every door answers through `answer`, so that no exception reaches a client as anything but the contract's error.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from warmpost import errors
from warmpost.actions.storage import log
from warmpost.rules.model.documents import Scope

T = TypeVar("T")

STATUS: dict[type[errors.Problem], int] = {
    errors.Malformed: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.LimitReached: 429,
    errors.Unavailable: 503,
}
MOST_BODY = 32 * 1024 * 1024
"""Bytes; the platform itself takes no larger request."""

Handler = Callable[..., Awaitable[Response]]


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = msgspec.json.encode(body)
    return Response(content, status, dict(headers or {}), "application/json")


def problem_response(problem: errors.Problem, request_id: str) -> Response:
    error: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if problem.field is not None:
        error["field"] = problem.field
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else {}
    if isinstance(problem, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return json_response({"error": error, "request_id": request_id}, STATUS[type(problem)], headers)


async def answer(
    request: Request, handle: Callable[[Request], Awaitable[Response]], function: str = ""
) -> Response:
    """Runs a handler and turns what goes wrong into the contract's error; never raises. function: named in the log."""
    request_id = uuid.uuid4().hex
    with log.about(function=function, request_id=request_id, **log.trace_of(request.headers)):
        response = await _answer(request, handle, request_id)
    response.headers["X-Request-Id"] = request_id
    return response


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


async def read_body(request: Request, most: int = MOST_BODY) -> bytes:
    """Raises TooLarge before more than `most` bytes are held."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > most:
        raise _too_large(most)
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise _too_large(most)
        pieces.append(piece)
    return b"".join(pieces)


def _too_large(most: int) -> errors.TooLarge:
    return errors.TooLarge("request_too_large", f"The request body may have {most:,} bytes at most.")


_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"contains unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"missing required field `(?P<name>.*)`")


def decode(body: bytes, kind: type[T]) -> T:
    """JSON into a model. Raises Malformed where it is no JSON, Invalid with the field's path where it does not fit."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error) or "it is nested too deeply"
        raise errors.Malformed("invalid_json", f"The body is not valid JSON: {reason}.") from None


def _invalid(text: str) -> errors.Invalid:
    match = _AT.match(text)
    what, path = (match["what"], match["path"] or "") if match else (text, "")
    field = path.removeprefix("$").lstrip(".")
    if unknown := _UNKNOWN.search(what):
        name = unknown["name"]
        return errors.Invalid("unknown_field", f"There is no field `{name}` here.", _join(field, name))
    if missing := _MISSING.search(what):
        name = missing["name"]
        return errors.Invalid("missing_field", f"The field `{name}` is needed.", _join(field, name))
    return errors.Invalid("invalid_field", f"{what}.", field.replace("[...]", "{}") or None)


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


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
    """Picks the handler of a method and path. A trailing slash means the same as none."""

    def __init__(self, *routes: Route) -> None:
        self.routes = routes
        self._routes = [
            (route, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.pattern) + r"/?$"))
            for route in routes
        ]

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """As `route`, of which this is what most want."""
        route, arguments = self.route(method, path)
        return route.handle, arguments

    def route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Raises NotFound, or Malformed `method_not_allowed` that names the methods there are."""
        allowed: list[str] = []
        for route, pattern in self._routes:
            match = pattern.match(path)
            if match and route.method == method:
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
            if match:
                allowed.append(route.method)
        if allowed:
            raise errors.Malformed(
                "method_not_allowed", f"{method} is not possible here; {', '.join(sorted(set(allowed)))} is."
            )
        raise errors.NotFound("not_found", f"There is nothing at {path}.")


def segments(request: Request) -> str:
    """The path behind the function's own name as it came over the wire, so that `%2F` is no separator."""
    raw: bytes | None = request.scope.get("raw_path")
    path: str = raw.decode("ascii", "replace") if raw else request.scope["path"]
    return path.partition("?")[0].removeprefix(request.scope.get("root_path", "")) or "/"
