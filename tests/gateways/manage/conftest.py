"""`manage` as the platform serves it, on a real database, real DNS, real templates and real keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from tests.conftest import Publish
from tests.contract import as_documented
from tests.set_clock import SetClock
from warmpost.actions.context import Services
from warmpost.actions.state.cache import Cache
from warmpost.actions.state.endpoint_slots import EndpointSlots
from warmpost.actions.state.suppression_lookup import Suppressed
from warmpost.actions.state.worker_slots import WorkerSlots
from warmpost.adapters.dns import DnsResolver
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.adapters.message.encryption import Encryption
from warmpost.adapters.message.signing_pool import SigningPool
from warmpost.adapters.templates.templates import Templates
from warmpost.gateways.http.app import answer
from warmpost.gateways.http.auth import Keys
from warmpost.gateways.routes import manage
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.operations.policy import Policy

FIRST_KEY = "the-first-key"


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
        "signing_pool": SigningPool(templates, Encryption(bytes(32)), 1),
        "resolver": DnsResolver([dns_server[0]]),
        "encryption": Encryption(bytes(32)),
        "cache": Cache(store, clock),
        "suppressed": Suppressed(store),
        "worker_slots": WorkerSlots(),
        "endpoint_slots": EndpointSlots(),
        "policy": Policy("test", Pool("shared", (Relay("inbox", "127.0.0.1", 2525),))),
    }
    everything: dict[str, Any] = {one.name: used.get(one.name) for one in fields(Services)}
    return Services(**everything)


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
        transport=httpx.ASGITransport(app),
        base_url="http://test/manage",
        headers=headers,
        event_hooks={"response": [as_documented]},
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
