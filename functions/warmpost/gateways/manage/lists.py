"""`/manage/lists`: recipient lists, by id or by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.lists import manage_lists
from warmpost.actions.storage.names import find_list
from warmpost.gateways.api.answers import Answer, Count, Id, Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Route, json_response
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.model.writes import Stored


class NamedList(collections.Body):
    name: str


class RecipientListAnswer(Answer):
    """count: its recipients. variables: columns that every recipient has."""

    id: Id
    name: str
    count: Count
    variables: list[str]
    created_at: datetime


def shown(stored: Stored[RecipientList]) -> dict[str, object]:
    found = stored.value
    return {
        "id": int(stored.id),
        "name": found.name,
        "count": found.count,
        "variables": found.variables,
        "created_at": found.created_at,
    }


def shown_in_list(one: tuple[str, dict[str, Any]]) -> dict[str, object]:
    number, fields = one
    return {
        "id": int(number),
        **{name: fields[name] for name in ("name", "count", "variables", "created_at")},
    }


async def create(request: Request, services: Services) -> Response:
    body = await collections.read(request, NamedList)
    return json_response(shown(await manage_lists.create_list(services, body.name)), 201)


async def listing(request: Request, services: Services) -> Response:
    return collections.listed(
        await manage_lists.list_lists(services, collections.page(request)), shown_in_list
    )


async def get(request: Request, services: Services, reference: str) -> Response:
    return json_response(shown(await find_list(services.store, reference)))


async def change(request: Request, services: Services, reference: str) -> Response:
    body = await collections.read(request, NamedList)
    return json_response(shown(await manage_lists.rename_list(services, reference, body.name)))


async def delete(request: Request, services: Services, reference: str) -> Response:
    await manage_lists.delete_list(services, reference)
    return collections.deleted()


ROUTES = [
    Route(
        "GET",
        "/lists",
        listing,
        "All recipient lists",
        scope="read",
        answers={200: Listed[RecipientListAnswer]},
        parameters=collections.PAGE,
    ),
    Route(
        "POST", "/lists", create, "Create a recipient list", "manage", NamedList, {201: RecipientListAnswer}
    ),
    Route(
        "GET",
        "/lists/{reference}",
        get,
        "One recipient list",
        scope="read",
        answers={200: RecipientListAnswer},
    ),
    Route(
        "PATCH",
        "/lists/{reference}",
        change,
        "Change a recipient list",
        "manage",
        NamedList,
        {200: RecipientListAnswer},
    ),
    Route("DELETE", "/lists/{reference}", delete, "Delete a recipient list", "manage", answers={204: None}),
]
