"""`/manage/keys`: who may call, and for what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.operations import manage_keys
from warmpost.gateways.api.answers import Answer, Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Route, deadline, json_response
from warmpost.rules.model.documents import ApiKey, Scope


class KeyBody(collections.Body):
    """rate: requests a second in one process, null for the deployment's. domains: from which it may send, none for all.

    tencent: it signs requests of the Tencent SES protocol too; its secret is kept for that, sealed under the master key.
    """

    name: str
    scopes: list[Scope]
    rate: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    domains: Annotated[list[str], msgspec.Meta(max_length=100)] = msgspec.field(default_factory=list)
    expires_at: str | None = None
    tencent: bool = False


class Key(Answer):
    """last_used_at: to the hour."""

    id: str
    name: str
    scopes: list[Scope]
    rate: int | None
    domains: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKey(Key):
    """key: the whole key, shown this once. secret_id, secret_key: as clients of the Tencent SES protocol take them, null
    where it was not made for those.
    """

    key: str
    secret_id: str | None
    secret_key: str | None


def shown(id: str, key: ApiKey) -> dict[str, object]:
    return {
        "id": id,
        "name": key.name,
        "scopes": key.scopes,
        "rate": key.rate,
        "domains": key.domains,
        "created_at": key.created_at,
        "expires_at": deadline(key.expires_at),
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


async def create(request: Request, services: Services) -> Response:
    body = await collections.read(request, KeyBody)
    new = await manage_keys.create_key(
        services, body.name, body.scopes, body.rate, body.domains, body.expires_at, body.tencent
    )
    signs = {"secret_id": new.id if new.secret else None, "secret_key": new.secret or None}
    return json_response({**shown(new.id, new.key), "key": new.token, **signs}, 201)


async def listing(request: Request, services: Services) -> Response:
    found = await manage_keys.list_keys(services, collections.page(request))
    return collections.listed(found, lambda one: shown(one.id, one.value))


async def get(request: Request, services: Services, id: str) -> Response:
    return json_response(shown(id, (await manage_keys.find_key(services.store, id)).value))


async def revoke(request: Request, services: Services, id: str) -> Response:
    await manage_keys.revoke_key(services, id)
    return collections.deleted()


ROUTES = [
    Route(
        "GET",
        "/keys",
        listing,
        "All API keys",
        scope="manage",
        answers={200: Listed[Key]},
        parameters=collections.PAGE,
    ),
    Route("POST", "/keys", create, "Create an API key", "manage", KeyBody, {201: NewKey}),
    Route("GET", "/keys/{id}", get, "One API key", scope="manage", answers={200: Key}),
    Route("DELETE", "/keys/{id}", revoke, "Revoke an API key", "manage", answers={204: None}),
]
"""Who may only read may not see which keys there are."""
