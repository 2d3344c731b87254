"""What a page is made with: who looks, what was sent, the API, and how figures and times are written."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.errors import Problem
from warmpost.gateways.console import formats
from warmpost.gateways.console.api import Api, segment
from warmpost.gateways.console.forms import Form
from warmpost.gateways.console.navigation import menu
from warmpost.gateways.console.security import mail_headers, page_headers
from warmpost.gateways.console.sessions import Assertions, Seal
from warmpost.gateways.console.words import LANGUAGES, translator
from warmpost.gateways.http.app import STATUS
from warmpost.gateways.http.auth import Caller, Keys
from warmpost.rules.operations.people import People


class Pages(Protocol):
    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """A template of the console, everything in it escaped."""
        ...


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """region: where this runs. assertions, people: where a proxy signs people in, and what each may do."""

    keys: Keys
    pages: Pages
    seal: Seal
    region: str = ""
    assertions: Assertions | None = None
    people: People = People()


@dataclass(slots=True)
class View:
    """One request of somebody who has signed in. base: in front of the console's paths."""

    request: Request
    services: Services
    parts: ConsoleParts
    caller: Caller
    base: str
    language: str
    form: Form = field(default_factory=Form)

    @property
    def api(self) -> Api:
        return Api(self.request, self.services, self.caller)

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def now(self) -> datetime:
        return self.services.clock.now()

    def may(self, scope: str) -> bool:
        return scope in self.caller.scopes or (scope == "read" and "manage" in self.caller.scopes)

    def page(self, name: str, /, problem: Problem | None = None, **context: Any) -> Response:
        """name: a template of the console. problem: told at its field, or on top; its status is the page's."""
        status = STATUS[type(problem)] if problem else 200
        whole = {**self.context(), "problem": problem, **context}
        html = self.parts.pages.render(name, whole)
        return Response(html, status, page_headers(self.language), "text/html")

    def mail(self, html: str, with_pictures: bool) -> Response:
        """What a mail contains, for a sandboxed frame."""
        return Response(html, 200, mail_headers(with_pictures), "text/html")

    def go(self, path: str, done: str = "") -> Response:
        """After a form: the next page, which says what was done (a key of `words.DONE`)."""
        mark = f"{'&' if '?' in path else '?'}done={done}" if done else ""
        return Response(status_code=303, headers={"Location": f"{self.base}{path}{mark}", **page_headers()})

    def context(self) -> dict[str, Any]:
        translate = translator(self.language)
        zone = ZoneInfo(self.services.policy.time_zone)
        return {
            **formats.functions(zone, self.now, translate),
            "_": translate,
            "base": self.base,
            "language": self.language,
            "languages": LANGUAGES,
            "caller": self.caller,
            "may": self.may,
            "menu": menu(translate, self.may, self.api.has),
            "path": self.request.scope["path"],
            "query": self.query,
            "form": self.form,
            "done": translate.done(self.query.get("done", "")),
            "now": self.now,
            "zone": self.services.policy.time_zone,
            "region": self.parts.region,
            "once": secrets.token_hex(8),
            "seg": segment,
            "url": self.services.policy.base_url,
        }


async def attempt(
    view: View,
    work: Awaitable[Any],
    path: str | Callable[[Any], str],
    done: str,
    again: Callable[[Problem], Awaitable[Response]],
) -> Response:
    """What a form asks for, and then another page; where it is refused, the form again with the reason at its field."""
    try:
        answer = await work
    except Problem as problem:
        return await again(problem)
    return view.go(path if isinstance(path, str) else path(answer), done)
