"""`/` and `/_local/…`: what a stack on one's own machine can be asked and told. None of it exists in production."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from infra.local import nameserver, operations
from infra.local.clock import MovableClock
from infra.local.source import declared_functions, in_url
from warmpost import errors
from warmpost.gateways.http.app import Route, Router, answer, json_response
from warmpost.gateways.http.bodies import decode, read_body

PATIENCE = 300.0  # seconds that moving the clock waits for the work that falls due, unless told otherwise


class Record(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """values empty: the record is removed."""

    name: str
    type: str
    values: tuple[str, ...]


class Move(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Exactly one of the first two. time_limit: seconds to wait for the work due on the way."""

    advance_seconds: float | None = None
    advance_to: datetime | None = None
    time_limit: float = PATIENCE


class LocalRoutes:
    """data: the stack's directory. clock: the one the functions in this process read.

    kept: what this process has used up and written down nowhere yet, by whom it is for.
    """

    def __init__(
        self, data: Path, clock: MovableClock, kept: Callable[[], dict[str, dict[str, int]]] = dict
    ) -> None:
        self._data = data
        self._clock = clock
        self._kept = kept
        self._routes = (
            Route("GET", "/", self.page),
            Route("GET", "/_local/stack", self.stack),
            Route("GET", "/_local/clock", self.time),
            Route("POST", "/_local/clock", self.move_time),
            Route("POST", "/_local/dns", self.publish),
            Route("GET", "/_local/operations", self.count),
        )
        self._router = Router("", *self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await answer(request, self._dispatch)
        await response(scope, receive, send)

    async def _dispatch(self, request: Request) -> Response:
        route, names = self._router.match(request)
        return await route.handle(request, **names)

    async def stack(self, _: Request) -> Response:
        return json_response(self._stack())

    async def time(self, _: Request) -> Response:
        return json_response(self._time())

    async def move_time(self, request: Request) -> Response:
        move = decode(await read_body(request), Move)
        to = _destination(move, self._clock.timestamp())
        order = {"to": to, "time_limit": move.time_limit}
        report = await self._ask_tasks("POST", "/advance", order, patience=move.time_limit + 30)
        return json_response({**report, **self._time()})

    async def publish(self, request: Request) -> Response:
        record = decode(await read_body(request), Record)
        try:
            nameserver.publish(self._data / "zone.json", record.name, record.type, list(record.values))
        except ValueError as error:
            raise errors.Invalid("invalid_record", str(error)) from None
        return json_response(record)

    async def count(self, _: Request) -> Response:
        counted = operations.totals(self._data / "operations")
        invocations = counted.pop("invocations")
        tasks = await self._ask_tasks("GET", "/operations")
        seen = {"firestore": counted, "tasks": tasks, "invocations": invocations}
        return json_response({**seen, "kept": self._kept()})

    async def page(self, _: Request) -> Response:
        return HTMLResponse(front_page(self._stack(), self._routes))

    def _stack(self) -> dict[str, Any]:
        described: dict[str, Any] = json.loads((self._data / "stack.json").read_text())
        return described

    def _time(self) -> dict[str, object]:
        return {"now": self._clock.now(), "offset_seconds": round(self._clock.offset, 6)}

    async def _ask_tasks(
        self, method: str, path: str, body: Mapping[str, object] | None = None, patience: float = 30
    ) -> dict[str, Any]:
        url = f"http://{self._stack()['tasks_http']}{path}"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(patience)) as client,
                client.request(method, url, json=body, raise_for_status=True) as response,
            ):
                told: dict[str, Any] = await response.json()
                return told
        except (aiohttp.ClientError, TimeoutError) as error:
            raise errors.Unavailable(
                "tasks_unavailable", f"The Cloud Tasks emulator does not answer: {error}."
            ) from None


def _destination(move: Move, now: float) -> float:
    """The moment to go to, in seconds since 1970. Raises Invalid: time only moves forward."""
    if (move.advance_seconds is None) == (move.advance_to is None):
        raise errors.Invalid(
            "invalid_field", "Give either `advance_seconds` or `advance_to`.", "advance_seconds"
        )
    if move.advance_to is None:
        field, to = "advance_seconds", now + (move.advance_seconds or 0)
    elif move.advance_to.tzinfo is None:
        raise errors.Invalid("invalid_field", "The time needs a time zone, as in RFC 3339.", "advance_to")
    else:
        field, to = "advance_to", move.advance_to.timestamp()
    if to < now:
        raise errors.Invalid("invalid_field", "The clock can only be moved forward.", field)
    return to


def front_page(stack: Mapping[str, Any], routes: Sequence[Route]) -> str:
    """What there is to see, for someone who opened the functions' address in a browser."""
    inbox = html.escape(stack["inbox_url"], quote=True)
    console = html.escape(f"{stack['console_url']}sign-in#key={stack['api_key']}", quote=True)
    local = "".join(
        f"<li><code>{route.method} <a href='{route.pattern}'>{route.pattern}</a></code></li>"
        for route in routes
    )
    served = "".join(f"<li><code>/{in_url(name)}</code></li>" for name in declared_functions())
    return f"""<!doctype html><meta charset="utf-8"><title>Warmpost, local</title>
<meta name="viewport" content="width=device-width">
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem;
color-scheme: light dark }} code {{ font-size: 0.95em }} li {{ margin: 0.2rem 0 }}</style>
<h1>Warmpost</h1>
<p>This stack runs on your machine; no mail leaves it. Everything is done in
<a href="{console}">the console</a>; what was sent is in <a href="{inbox}">the inbox</a>.</p>
<h2>Functions</h2><ul>{served}</ul>
<h2>This stack&rsquo;s own routes</h2><ul>{local}</ul>
"""
