"""`/manage/suppressions`: addresses that must not be mailed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.gateways.http import Route, json_response
from warmpost.gateways.manage import bodies
from warmpost.rules.documents import Suppression
from warmpost.sending import manage_suppressions
from warmpost.sending.ports import Services


class NewSuppression(bodies.Body):
    address: str
    note: str = ""


def shown(one: Suppression) -> dict[str, object]:
    return {"address": one.address, "reason": one.reason, "since": one.since, "note": one.note}


async def create(request: Request, services: Services) -> Response:
    body = await bodies.read(request, NewSuppression)
    return json_response(
        shown(await manage_suppressions.suppress_address(services, body.address, body.note)), 201
    )


async def listing(request: Request, services: Services) -> Response:
    found = await manage_suppressions.list_suppressions(services, bodies.page(request))
    return bodies.listed(found, lambda one: shown(one.value))


async def get(request: Request, services: Services, address: str) -> Response:
    return json_response(shown((await manage_suppressions.find_suppression(services.store, address)).value))


async def delete(request: Request, services: Services, address: str) -> Response:
    await manage_suppressions.lift_suppression(services, address)
    return bodies.deleted()


ROUTES = [
    Route("GET", "/suppressions", listing),
    Route("POST", "/suppressions", create),
    Route("GET", "/suppressions/{address}", get),
    Route("DELETE", "/suppressions/{address}", delete),
]
