"""`/manage/pools`: relays, and the secrets' names that hold their passwords."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.identity import manage_pools
from warmpost.gateways.api.answers import Answer, Count, Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Route, json_response
from warmpost.rules.identity.domains import RelayPool
from warmpost.rules.model.relays import Relay, Security

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Share = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class RelayBody(collections.Body):
    """port: by default 465 for `tls` and 587 otherwise. name: by default the host.

    transport: what the relay is told in the header field `X-Warmpost-Pool` of each message, to choose an address by.
    """

    host: str
    name: str = ""
    port: Port | None = None
    security: Security = "starttls"
    verify: bool = True
    username: str = ""
    password_secret: str = ""
    weight: Share = 1
    max_connections: Share = 10
    reports: Literal["none", "events"] = "none"
    final: bool = False
    transport: str = ""


Cap = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class NewPool(collections.Body):
    """relay_cap: messages per relay and day, for relays that are being warmed up themselves."""

    name: str
    relays: list[RelayBody]
    relay_cap: Cap | None = None


class PoolChange(collections.Body):
    """relay_cap: null takes it back."""

    relays: list[RelayBody] | msgspec.UnsetType = msgspec.UNSET
    relay_cap: Cap | msgspec.UnsetType | None = msgspec.UNSET


class PoolAnswer(Answer):
    """domains: how many are bound to it."""

    name: str
    relays: list[Relay]
    relay_cap: int | None
    domains: Count
    created_at: datetime | None


def _relays(given: list[RelayBody]) -> list[Relay]:
    return [
        Relay(**{**msgspec.structs.asdict(one), "port": one.port or (465 if one.security == "tls" else 587)})
        for one in given
    ]


def shown(pool: RelayPool) -> dict[str, object]:
    return {
        "name": pool.name,
        "relays": [asdict(one) for one in pool.relays],
        "relay_cap": pool.relay_cap,
        "domains": pool.domains,
        "created_at": pool.created_at,
    }


async def create(request: Request, services: Services) -> Response:
    body = await collections.read(request, NewPool)
    made = await manage_pools.create_pool(services, body.name, _relays(body.relays), body.relay_cap)
    return json_response(shown(made), 201)


async def listing(request: Request, services: Services) -> Response:
    found = await manage_pools.list_pools(services, collections.page(request))
    return collections.listed(found, lambda one: shown(one.value))


async def get(request: Request, services: Services, name: str) -> Response:
    return json_response(shown((await manage_pools.find_pool(services.store, name)).value))


async def change(request: Request, services: Services, name: str) -> Response:
    body = await collections.read(request, PoolChange)
    changes: dict[str, Any] = {}
    if body.relays is not msgspec.UNSET:
        changes["relays"] = _relays(body.relays)
    if body.relay_cap is not msgspec.UNSET:
        changes["relay_cap"] = body.relay_cap
    return json_response(shown(await manage_pools.change_pool(services, name, changes)))


async def delete(request: Request, services: Services, name: str) -> Response:
    await manage_pools.delete_pool(services, name)
    return collections.deleted()


ROUTES = [
    Route(
        "GET",
        "/pools",
        listing,
        "All relay pools",
        scope="read",
        answers={200: Listed[PoolAnswer]},
        parameters=collections.PAGE,
    ),
    Route("POST", "/pools", create, "Create a relay pool", "manage", NewPool, {201: PoolAnswer}),
    Route("GET", "/pools/{name}", get, "One relay pool", scope="read", answers={200: PoolAnswer}),
    Route("PATCH", "/pools/{name}", change, "Change a relay pool", "manage", PoolChange, {200: PoolAnswer}),
    Route("DELETE", "/pools/{name}", delete, "Delete a relay pool", "manage", answers={204: None}),
]
