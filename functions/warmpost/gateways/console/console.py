"""The function `console`: the pages, for whoever has signed in with an API key."""

from __future__ import annotations

from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.errors import Forbidden, Problem, Unauthorized
from warmpost.gateways.console import assets
from warmpost.gateways.console.forms import Form, read_form
from warmpost.gateways.console.page_routes import ROUTES
from warmpost.gateways.console.security import base_path, refuse_foreign
from warmpost.gateways.console.sessions import (
    ASSERTION,
    COOKIE,
    Assertions,
    SignedIn,
    resume_session,
    set_cookie,
    start_session,
)
from warmpost.gateways.console.view import ConsoleParts, View
from warmpost.gateways.console.words import LANGUAGE_COOKIE, LANGUAGES, choose_language
from warmpost.gateways.http.app import Router, segments
from warmpost.gateways.http.auth import Caller

NOBODY = Caller("", ())
KEY_FIELD = "_key"
"""Of the sign-in form; what else a form held goes along, so that a session that ends loses nothing that was typed."""


async def console(request: Request, services: Services, parts: ConsoleParts) -> Response:
    path = segments(request)
    if path.startswith("/assets/"):
        return assets.serve(request, path.removeprefix("/assets/"))
    refuse_foreign(request.method, request.headers)
    view = View(request, services, parts, NOBODY, base_path(request), choose_language(request))
    if request.method == "POST":
        view.form = await read_form(request)
    if path == "/language":
        return _set_language(view)
    if path == "/sign-out":
        return _sign_out(view)
    return await _enter(view, path)


async def _enter(view: View, path: str) -> Response:
    try:
        signed_in = await _signed_in(view)
    except Problem as problem:
        return _sign_in_page(view, path, problem)
    if signed_in is None:
        return _sign_in_page(view, path, None)
    view.caller = signed_in.caller
    if path == "/sign-in":
        response = view.go(view.form["_next"] if view.form["_next"].startswith("/") else "/")
    else:
        response = await _page(view)
    if signed_in.cookie:
        response.headers.append("Set-Cookie", set_cookie(signed_in.cookie, view.base or "/"))
    return response


async def _signed_in(view: View) -> SignedIn | None:
    """By the key in a form, or by the session; by the proxy alone where there is one. Raises Problem."""
    if view.parts.assertions is not None:
        return await _let_in(view, view.parts.assertions)
    now = view.services.clock.timestamp()
    token = view.form.text(KEY_FIELD)
    if token:
        caller, mark = await view.parts.keys.sign_in(view.request, token)
        view.form = Form([one for one in view.form.fields if one[0] != KEY_FIELD])
        return SignedIn(caller, start_session(view.parts.seal, caller.key_id, mark, now))
    return await resume_session(view.parts.seal, view.parts.keys, view.request.cookies.get(COOKIE, ""), now)


async def _let_in(view: View, assertions: Assertions) -> SignedIn:
    """Whoever the proxy names, with the scopes that the deployment gives them. Raises Unauthorized or Forbidden."""
    address = await assertions.address(view.request.headers.get(ASSERTION, ""))
    scopes = view.parts.people.scopes_of(address)
    if not scopes:
        raise Forbidden(
            "unknown_person", f"{address} may do nothing here; WARMPOST_CONSOLE_PEOPLE says who may."
        )
    return SignedIn(Caller(address, scopes))


def _sign_in_page(view: View, path: str, problem: Problem | None) -> Response:
    """401 instead of the page that was asked for; what a form held stays in it and is sent on."""
    kept = [one for one in view.form.fields if one[0] != KEY_FIELD]
    is_form = view.request.method == "POST" and path != "/sign-in"
    by_key = view.parts.assertions is None
    response = view.page(
        "sign_in.html", problem, kept=kept, is_form=is_form, next=_whole(view, path), by_key=by_key
    )
    if problem is None and path != "/sign-in":
        response.status_code = 401
    return response


def _whole(view: View, path: str) -> str:
    asked = view.request.url.query
    return f"{path}?{asked}" if asked else path


async def _page(view: View) -> Response:
    try:
        route, names = _router().match(view.request)
        response: Response = await route.handle(view, **names)
        return response
    except Unauthorized:
        raise
    except Problem as problem:
        return view.page("problem.html", problem)


def _sign_out(view: View) -> Response:
    response = view.go("/sign-in")
    response.headers.append("Set-Cookie", set_cookie("", view.base or "/"))
    return response


def _set_language(view: View) -> Response:
    """A choice that outlives the session, and holds nothing else."""
    back = view.form["back"]
    response = view.go(back if back.startswith("/") and not back.startswith("//") else "/")
    if view.form["language"] in LANGUAGES:
        cookie = f"{LANGUAGE_COOKIE}={view.form['language']}; Path={view.base or '/'}; Max-Age=31536000"
        response.headers.append("Set-Cookie", f"{cookie}; Secure; HttpOnly; SameSite=Strict")
    return response


@cache
def _router() -> Router:
    return Router("/console", *ROUTES)
