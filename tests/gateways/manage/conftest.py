"""`manage` as the platform serves it, on a real database, real DNS, real templates and real keys."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from infra.local import launch, nameserver
from warmpost.adapters.dns import DnsResolver
from warmpost.adapters.firestore.store import FirestoreStore
from warmpost.adapters.press import Press
from warmpost.adapters.sealing import Seal
from warmpost.adapters.templates import Templates
from warmpost.gateways.auth import Keys
from warmpost.gateways.http import answer
from warmpost.gateways.manage import manage
from warmpost.rules.policy import Policy
from warmpost.rules.relays import Pool, Relay
from warmpost.sending.ports import Services

FIRST_KEY = "the-first-key"
Publish = Callable[..., None]


class SetClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def timestamp(self) -> float:
        return self.moment.timestamp()

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def dns_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and zone file of the local stack's DNS server."""
    zone = tmp_path_factory.mktemp("dns") / "zone.json"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "infra.local.nameserver", "--port", str(port), "--zone", str(zone)]
    process = subprocess.Popen(
        [sys.executable, launch.__file__, str(os.getpid()), *command], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()  # it says when it answers
    yield f"127.0.0.1:{port}", zone
    process.terminate()
    process.wait(10)


@pytest.fixture
def publish(dns_server: tuple[str, Path]) -> Publish:
    """`publish(name, *values)`: TXT records; none removes them."""

    def publish(name: str, *values: str) -> None:
        nameserver.publish(dns_server[1], name, "TXT", list(values))

    return publish


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def services(store: FirestoreStore, clock: SetClock, dns_server: tuple[str, Path]) -> Services:
    templates = Templates()
    used: dict[str, Any] = {
        "clock": clock,
        "store": store,
        "templates": templates,
        "press": Press(templates, Seal(bytes(32)), 1),
        "resolver": DnsResolver([dns_server[0]]),
        "policy": Policy("test", Pool("shared", (Relay("inbox", "127.0.0.1", 2525),))),
    }
    return Services(**{one.name: used.get(one.name) for one in fields(Services)})


@pytest.fixture
def app(services: Services) -> Starlette:
    keys = Keys(services.store, FIRST_KEY)

    async def door(scope: Any, receive: Any, send: Any) -> None:
        response: Response = await answer(
            Request(scope, receive), lambda request: manage(request, services, keys)
        )
        await response(scope, receive, send)

    return Starlette(routes=[Mount("/manage", app=door)])


@pytest.fixture
async def api(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the first key."""
    headers = {"Authorization": f"Bearer {FIRST_KEY}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test/manage", headers=headers
    ) as client:
        yield client


@pytest.fixture
def verified(api: httpx.AsyncClient, publish: Publish) -> Callable[[str], Any]:
    """`await verified("news.example")`: a sender domain that has passed verification."""

    async def create(domain: str) -> None:
        created = (await api.post("/domains", json={"domain": domain})).json()
        for record in created["records"]:
            publish(record["name"], record["expected"])
        done = (await api.post(f"/domains/{domain}/verify")).json()
        assert done["status"] == "verified", done

    return create
