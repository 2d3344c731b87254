"""`/manage/domains`: sender domains and the DNS records that verify them."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.gateways.http import Route, json_response
from warmpost.gateways.manage import bodies
from warmpost.rules.documents import Domain
from warmpost.sending import manage_domains
from warmpost.sending.ports import Services


class Dkim(bodies.Body):
    ed25519: bool = False


class NewDomain(bodies.Body):
    domain: str
    dkim: Dkim = msgspec.field(default_factory=Dkim)


class DomainChange(bodies.Body):
    pool: str | msgspec.UnsetType | None = msgspec.UNSET


def shown(domain: Domain) -> dict[str, object]:
    """Everything but the keys: their public parts stand in the records, their private ones nowhere."""
    return {
        "domain": domain.domain,
        "status": domain.status,
        "records": [
            {
                "purpose": one.purpose,
                "name": one.name,
                "type": one.type,
                "expected": one.expected,
                "found": one.found,
                "status": one.status,
                "note": one.note,
            }
            for one in domain.records
        ],
        "pool": domain.pool or None,
        "addresses": domain.addresses,
        "created_at": domain.created_at,
        "verified_at": domain.verified_at,
        "checked_at": domain.checked_at,
    }


async def create(request: Request, services: Services) -> Response:
    body = await bodies.read(request, NewDomain)
    return json_response(
        shown(await manage_domains.create_domain(services, body.domain, body.dkim.ed25519)), 201
    )


async def listing(request: Request, services: Services) -> Response:
    found = await manage_domains.list_domains(services, bodies.page(request))
    return bodies.listed(found, lambda one: shown(one.value))


async def get(request: Request, services: Services, domain: str) -> Response:
    return json_response(shown((await manage_domains.find_domain(services.store, domain)).value))


async def change(request: Request, services: Services, domain: str) -> Response:
    body = await bodies.read(request, DomainChange)
    if body.pool is msgspec.UNSET:
        return await get(request, services, domain)
    return json_response(shown(await manage_domains.bind_domain(services, domain, body.pool)))


async def delete(request: Request, services: Services, domain: str) -> Response:
    await manage_domains.delete_domain(services, domain)
    return bodies.deleted()


async def verify(request: Request, services: Services, domain: str) -> Response:
    return json_response(shown(await manage_domains.verify_domain(services, domain)))


ROUTES = [
    Route("GET", "/domains", listing),
    Route("POST", "/domains", create),
    Route("GET", "/domains/{domain}", get),
    Route("PATCH", "/domains/{domain}", change),
    Route("DELETE", "/domains/{domain}", delete),
    Route("POST", "/domains/{domain}/verify", verify),
]
