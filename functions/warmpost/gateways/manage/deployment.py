"""`/manage/me` and `/manage/deployment`: whether a key works and for what, and what is deployed here."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from warmpost import VERSION
from warmpost.actions.context import Services
from warmpost.actions.operations.manage_keys import find_key
from warmpost.gateways.api.answers import Answer
from warmpost.gateways.http.app import Route, deadline, json_response
from warmpost.gateways.http.auth import is_first
from warmpost.gateways.http.parameters import caller_of
from warmpost.rules.model.documents import Scope


class Me(Answer):
    """name: null for the first key, which the deployment's settings hold. domains: from which it may send, empty for all."""

    key_id: str
    name: str | None
    scopes: list[Scope]
    domains: list[str]
    rate: int | None
    expires_at: datetime | None


class PriceList(Answer):
    currency: str
    date: str
    region: str


class Deployment(Answer):
    """settings: names of those that were given, never what they hold. kept: how many days what is kept."""

    version: str
    project: str
    region: str
    url: str | None
    time_zone: str
    simulator_domain: str
    relays: list[str]
    prices: PriceList
    settings: list[str]
    kept: dict[str, int]
    at: datetime


async def me(request: Request, services: Services) -> Response:
    caller = caller_of(request)
    key = None if is_first(caller.key_id) else (await find_key(services.store, caller.key_id)).value
    return json_response(
        {
            "key_id": caller.key_id,
            "name": key.name if key else None,
            "scopes": caller.scopes,
            "domains": caller.domains,
            "rate": caller.rate,
            "expires_at": deadline(key.expires_at if key else None),
        }
    )


async def deployment(request: Request, services: Services) -> Response:
    policy = services.policy
    prices = policy.prices
    return json_response(
        {
            "version": VERSION,
            "project": policy.project,
            "region": policy.region,
            "url": policy.base_url or None,
            "time_zone": policy.time_zone,
            "simulator_domain": policy.simulator_domain,
            "relays": [one.host for one in policy.shared_pool.relays],
            "prices": {"currency": prices.currency, "date": prices.date, "region": prices.region},
            "settings": policy.settings,
            "kept": asdict(policy.retention),
            "at": services.clock.now(),
        }
    )


ROUTES = [
    Route("GET", "/me", me, "The key that asks: its name, scopes and domains", "read", answers={200: Me}),
    Route("GET", "/deployment", deployment, "What is deployed here", scope="read", answers={200: Deployment}),
]
