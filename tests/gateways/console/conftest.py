"""The console as browsers see it, on a real database, with real keys and templates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.actions.harness import Harness
from warmpost.actions.operations.manage_keys import create_key
from warmpost.adapters.console.page_templates import PageTemplates
from warmpost.adapters.console.session_seal import SessionSeal
from warmpost.adapters.dns import DnsResolver
from warmpost.adapters.message.encryption import Encryption
from warmpost.gateways.console import view
from warmpost.gateways.console.console import console
from warmpost.gateways.http.app import answer
from warmpost.gateways.http.auth import Keys, Limits
from warmpost.rules.requests.token_bucket import Rate

FIRST_KEY = "the-first-key"
SAME = {"sec-fetch-site": "same-origin"}


class Browser:
    """One browser: keeps cookies, follows where a form leads."""

    def __init__(self, harness: Harness, dns: str) -> None:
        self.harness = harness
        self.services = replace(harness.services, resolver=DnsResolver([dns]))
        self.keys = Keys(
            harness.services.store, FIRST_KEY, Limits(wrong=Rate(0.01, 5)), harness.services.clock.timestamp
        )
        pages = PageTemplates(Path(view.__file__).parent / "templates")
        self.parts = view.ConsoleParts(self.keys, pages, SessionSeal(Encryption(bytes(32))), "local")
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app), base_url="https://test", follow_redirects=False
        )

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        raw = scope["raw_path"].removeprefix(b"/console") or b"/"
        inner = {**scope, "path": scope["path"].removeprefix("/console") or "/", "raw_path": raw}
        response: Response = await answer(
            Request(inner, receive), lambda asked: console(asked, self.services, self.parts)
        )
        await response(inner, receive, send)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(f"/console{path}", headers=headers)

    async def post(self, path: str, data: Any = None, headers: Any = SAME) -> httpx.Response:
        return await self.http.post(f"/console{path}", data=data or {}, headers=headers)

    async def sign_in(self, key: str = FIRST_KEY) -> httpx.Response:
        return await self.post("/sign-in", {"_key": key, "_next": "/"})

    async def key(self, *scopes: Any) -> Any:
        return await create_key(self.harness.services, "a program", list(scopes), None, [], None)


@pytest.fixture
async def browser(store, dns_server) -> AsyncIterator[Browser]:
    harness = await Harness(store).open()
    await store.next_number("templates")  # the harness brings the first along
    made = Browser(harness, dns_server[0])
    yield made
    await made.http.aclose()
