"""What the doors of programs share: idempotency keys, query parameters, moments."""

from __future__ import annotations

import hashlib
from codecs import BOM_UTF8
from datetime import UTC, date, datetime
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.batches.report import Stall
from warmpost.actions.context import Services
from warmpost.actions.delivery.recipient_status import RecipientStatus
from warmpost.errors import Forbidden, Invalid, Problem
from warmpost.gateways.http.app import Parameter, Route, Router, moment
from warmpost.gateways.http.audit import handled
from warmpost.gateways.http.auth import Caller, Keys
from warmpost.rules.delivery.progress import Note
from warmpost.rules.requests.requests import Request as Asked
from warmpost.rules.requests.timestamps import read_moment

USUAL_DAYS = 30
_CALLER = "warmpost.caller"

ONCE = Parameter(
    "Idempotency-Key",
    Annotated[str, Meta(max_length=255, pattern="^[ -~]*$")],
    "The same key and body give the same answer again; the same key with another body is a conflict.",
    "header",
)


async def admit(request: Request, services: Services, keys: Keys, routes: Router) -> Response:
    """Hands the request to its route's handler; raises as `enter`."""
    route, arguments, caller = await enter(request, keys, routes)
    return await handled(request, services, caller, routes, route, arguments, keys.address(request))


async def enter(request: Request, keys: Keys, routes: Router) -> tuple[Route, dict[str, str], Caller | None]:
    """The route of a request whose key may take it and whose query it knows; no caller where it needs no key.

    Raises NotFound, Malformed, Unauthorized, Forbidden, LimitReached or Invalid. What there is, only a key is told.
    """
    try:
        route, arguments = routes.match(request)
    except Problem:
        await keys.caller(request, None)
        raise
    if route.scope is None:
        return route, arguments, None
    caller = await keys.caller(request, route.scope)
    if caller.sender and routes.function != "/send":
        raise Forbidden("missing_scope", "An SMTP password is for /send alone; use an API key here.")
    check_query(request, route)
    let_in(request, caller)
    return route, arguments, caller


def caller_of(request: Request) -> Caller:
    """Who asks, where `enter` has let them in."""
    caller: Caller = request.scope[_CALLER]
    return caller


def let_in(request: Request, caller: Caller) -> None:
    """For a request that is made on behalf of somebody who is known already."""
    request.scope[_CALLER] = caller


def check_query(request: Request, route: Route) -> None:
    """Raises errors.Invalid."""
    known = {one.name for one in route.parameters if one.where == "query"}
    for name in request.query_params:
        if name not in known:
            raise Invalid("unknown_field", f"There is no query parameter {name[:100]!r} here.", name[:100])


def one_of(request: Request, name: str, choices: Any) -> Any:
    """The query parameter of that name, where it is not given the first of the choices, a Literal. Raises errors.Invalid."""
    known = get_args(choices)
    value = request.query_params.get(name, known[0])
    if value not in known:
        words = f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}"
        raise Invalid(f"invalid_{name}", f"{name} is {words}, not {value[:100]!r}.", name)
    return value


def moment_asked(request: Request, name: str) -> datetime | None:
    """The query parameter of that name as a moment. Raises errors.Invalid."""
    text = request.query_params.get(name, "").replace(" ", "+")  # a plus sign that nobody has escaped
    return read_moment(text, None, name) if text else None


def read_day(text: str | None, field: str, usual: date) -> date:
    """Raises errors.Invalid."""
    if text is None:
        return usual
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("invalid_day", "A day looks like 2026-11-23.", field) from None


def asked(request: Request, caller: Caller, body: bytes) -> Asked:
    """Raises errors.Invalid for an idempotency key that is too long or not printable ASCII."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > 255 or not key.isascii() or not key.isprintable():
        raise Invalid(
            "invalid_idempotency_key",
            "An Idempotency-Key has up to 255 printable ASCII characters.",
            "Idempotency-Key",
        )
    return Asked(
        caller.key_id,
        key,
        hashlib.sha256(_in_one_order(body) if key else body).hexdigest(),
        sender=caller.sender,
        domains=caller.domains,
    )


def _in_one_order(body: bytes) -> bytes:
    """The same request is the same in whatever order and layout its fields were written."""
    try:
        return msgspec.json.encode(msgspec.json.decode(body.removeprefix(BOM_UTF8)), order="sorted")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body


def shown_recipient(line: RecipientStatus, message_id: str) -> dict[str, Any]:
    return {
        "to": line.to,
        "position": line.position,
        "message_id": message_id,
        "status": line.status,
        "sent_at": moment(line.sent_at),
        "opened": line.opened,
        "clicked": line.clicked,
        "unsubscribed": line.unsubscribed,
        "history": [_shown_note(note) for note in line.notes],
    }


def shown_stall(stall: Stall | None) -> dict[str, Any] | None:
    return {"since": moment(stall.since), "reason": stall.reason} if stall else None


def _shown_note(note: Note) -> dict[str, Any]:
    shown: dict[str, Any] = {"at": moment(datetime.fromtimestamp(note.at, UTC)), "status": note.status.value}
    if note.code:
        shown["code"] = note.code
    if note.enhanced_code:
        shown["enhanced_code"] = note.enhanced_code
    return shown | {"text": note.text, "relay": note.relay or None}
