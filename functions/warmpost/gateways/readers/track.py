"""`/track`: what the links in messages lead to. Public: whoever holds a link may follow it, and nothing else.

Opening and following are GETs that always succeed; unsubscribing takes a POST, by the mailbox provider (RFC 8058) or
by a press of a button, for programs follow every link they see.
"""

from __future__ import annotations

import base64
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.events import reader_actions
from warmpost.actions.storage import log
from warmpost.errors import NotFound, Problem, Unavailable
from warmpost.gateways.api.answers import Refusal
from warmpost.gateways.http.app import Route, Router
from warmpost.gateways.http.bodies import read_body
from warmpost.gateways.readers.page import Button, page
from warmpost.gateways.readers.words import WORDS, Words
from warmpost.rules.message.languages import DEFAULT, preferred_language, read_language
from warmpost.rules.tracking.tracking import Links, location_of

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
"""A transparent GIF of one pixel, 43 bytes."""
MOST_FORM = 20_000
FRESH = {
    "Cache-Control": "no-store, no-cache, must-revalidate, max-age=0, private",
    "Pragma": "no-cache",
    "Expires": "0",
    "X-Robots-Tag": "noindex",
}


async def track(request: Request, services: Services, links: Links) -> Response:
    route, arguments = ROUTES.match(request)
    return await route.handle(request, services, links, **arguments)


async def _open(request: Request, services: Services, links: Links, token: str) -> Response:
    name, dot, kind = token.rpartition(".")
    read = links.signer.read("open", name) if dot and kind == "gif" else None
    if read is None:
        raise NotFound("not_found", "There is no such picture.")
    await reader_actions.note(
        services, reader_actions.reader_event(services, read, "opened", request.method, _agent(request))
    )
    return Response(PIXEL, headers=FRESH, media_type="image/gif")


async def _click(request: Request, services: Services, links: Links, token: str) -> Response:
    read = links.signer.read("click", token)
    if read is None:
        return _invalid(request)
    await reader_actions.note(
        services, reader_actions.reader_event(services, read, "clicked", request.method, _agent(request))
    )
    return Response(status_code=302, headers={**FRESH, "Location": location_of(read.destination)})


async def _ask(request: Request, services: Services, links: Links, token: str) -> Response:
    """Changes nothing: mail filters and previews come here too."""
    read = links.signer.read("unsubscribe", token)
    if read is None:
        return _invalid(request)
    try:
        sender = await reader_actions.sender_of(services, read.target)
    except Unavailable:
        sender = ""
    return _offer(request, links, token, sender, _words(request).ask)


def _is_one_click(form: dict[str, str]) -> bool:
    """RFC 8058 section 3.1, also where a client writes it in another case or ends it with a line break."""
    folded = {name.strip().lower(): value.strip().lower() for name, value in form.items()}
    return folded.get("list-unsubscribe") == "one-click"


async def _unsubscribe(request: Request, services: Services, links: Links, token: str) -> Response:
    read = links.signer.read("unsubscribe", token)
    if read is None:
        return _invalid(request)
    form = _form(request, await read_body(request, MOST_FORM))
    one_click = _is_one_click(form)
    if not one_click and form.get("confirm") != "yes":
        return _offer(request, links, token, "", _words(request).ask, 400)
    try:
        reader = await reader_actions.unsubscribe(services, read.target)
    except Problem as problem:
        if one_click:
            raise
        return _failed(request, problem)
    if one_click:
        return Response("Unsubscribed.\n", media_type="text/plain", headers={"Cache-Control": "no-store"})
    title, text, again = _words(request).done
    button = Button(again, f"{links.base}/u/{token}/undo?lang={_language(request)}", quiet=True)
    return page(_language(request), title, text, reader.domain, button)


async def _undo(request: Request, services: Services, links: Links, token: str) -> Response:
    read = links.signer.read("unsubscribe", token)
    if read is None:
        return _invalid(request)
    if _form(request, await read_body(request, MOST_FORM)).get("confirm") != "yes":
        return _offer(request, links, token, "", _words(request).ask, 400)
    try:
        reader = await reader_actions.resubscribe(services, read.target)
    except Problem as problem:
        return _failed(request, problem)
    return _offer(request, links, token, reader.domain, _words(request).back, quiet=True)


def _offer(
    request: Request,
    links: Links,
    token: str,
    sender: str,
    words: tuple[str, str, str],
    status: int = 200,
    quiet: bool = False,
) -> Response:
    """A page with the button that unsubscribes."""
    title, text, unsubscribe = words
    language = _language(request)
    button = Button(unsubscribe, f"{links.base}/u/{token}?lang={language}", quiet)
    return page(language, title, text, sender, button, status)


def _invalid(request: Request) -> Response:
    return page(_language(request), *_words(request).invalid, status=404)


def _failed(request: Request, problem: Problem) -> Response:
    if isinstance(problem, NotFound):
        return _invalid(request)
    log.log_event("unsubscribe_failed", f"an unsubscription did not work: {problem}", code=problem.code)
    return page(_language(request), *_words(request).later, status=503)


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _words(request: Request) -> Words:
    return WORDS[_language(request)]


def _language(request: Request) -> str:
    """What the link asks for, else what the reader prefers."""
    asked = read_language(request.query_params.get("lang", ""))
    return asked or preferred_language(request.headers.get("accept-language", "")) or DEFAULT


def _form(request: Request, body: bytes) -> dict[str, str]:
    """RFC 8058 section 3.2 allows both forms; anything else is an empty one."""
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        return dict(parse_qsl(body.decode("latin-1")))
    head = b"Content-Type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode("latin-1").strip()
    return fields


_PIXEL = {200: "image/gif"}
_FOLLOWED = {302: None, 404: "text/html"}
_PAGE = {200: "text/html", 404: "text/html"}
_PRESSED = {
    200: ("text/html", "text/plain"),
    400: ("text/html", Refusal),
    404: "text/html",
    503: ("text/html", Refusal),
}
_FORM = "application/x-www-form-urlencoded"

ROUTES = Router(
    "/track",
    Route("GET", "/o/{token}", _open, "A message was opened", answers=_PIXEL),
    Route("GET", "/c/{token}", _click, "A link was followed", answers=_FOLLOWED),
    Route("GET", "/u/{token}", _ask, "The page to unsubscribe on", answers=_PAGE),
    Route("POST", "/u/{token}", _unsubscribe, "Unsubscribe (RFC 8058)", body=_FORM, answers=_PRESSED),
    Route("POST", "/u/{token}/undo", _undo, "Subscribe again", body=_FORM, answers=_PRESSED),
)
