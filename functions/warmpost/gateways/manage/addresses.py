"""`/manage/addresses`: sender addresses of verified domains."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.identity import manage_addresses
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import Answer, Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Route, json_response
from warmpost.rules.identity.domains import SenderAddress


class NewAddress(collections.Body):
    address: str
    name: str = ""


class AddressChange(collections.Body):
    name: str


class SmtpPassword(collections.Body):
    """password: 10 to 20 letters and digits; the user name beside it is the address."""

    password: str


class Address(Answer):
    """smtp_password: whether it has one."""

    smtp_password: bool
    address: str
    name: str
    domain: str
    created_at: datetime


def shown(sender: SenderAddress) -> dict[str, object]:
    return {
        "address": sender.address,
        "name": sender.name,
        "domain": sender.domain,
        "created_at": sender.created_at,
        "smtp_password": bool(sender.smtp_password),
    }


async def create(request: Request, services: Services) -> Response:
    body = await collections.read(request, NewAddress)
    return json_response(shown(await manage_addresses.create_address(services, body.address, body.name)), 201)


async def listing(request: Request, services: Services) -> Response:
    found = await manage_addresses.list_addresses(services, collections.page(request))
    return collections.listed(found, lambda one: shown(one.value))


async def get(request: Request, services: Services, address: str) -> Response:
    return json_response(shown((await manage_addresses.find_address(services.store, address)).value))


async def change(request: Request, services: Services, address: str) -> Response:
    body = await collections.read(request, AddressChange)
    return json_response(shown(await manage_addresses.rename_address(services, address, body.name)))


async def delete(request: Request, services: Services, address: str) -> Response:
    await manage_addresses.delete_address(services, address)
    return collections.deleted()


async def set_password(request: Request, services: Services, address: str) -> Response:
    body = await collections.read(request, SmtpPassword)
    if not body.password:
        raise Invalid("invalid_password", "An SMTP password is not empty; DELETE takes it away.", "password")
    return json_response(shown(await manage_addresses.set_smtp_password(services, address, body.password)))


async def remove_password(request: Request, services: Services, address: str) -> Response:
    await manage_addresses.set_smtp_password(services, address, "")
    return collections.deleted()


ROUTES = [
    Route(
        "GET",
        "/addresses",
        listing,
        "All sender addresses",
        scope="read",
        answers={200: Listed[Address]},
        parameters=collections.PAGE,
    ),
    Route("POST", "/addresses", create, "Create a sender address", "manage", NewAddress, {201: Address}),
    Route("GET", "/addresses/{address}", get, "One sender address", scope="read", answers={200: Address}),
    Route(
        "PATCH",
        "/addresses/{address}",
        change,
        "Change a sender address",
        "manage",
        AddressChange,
        {200: Address},
    ),
    Route("DELETE", "/addresses/{address}", delete, "Delete a sender address", "manage", answers={204: None}),
    Route(
        "PUT",
        "/addresses/{address}/smtp-password",
        set_password,
        "Set the SMTP password of a sender address",
        "manage",
        SmtpPassword,
        {200: Address},
    ),
    Route(
        "DELETE",
        "/addresses/{address}/smtp-password",
        remove_password,
        "Take the SMTP password of a sender address away",
        "manage",
        answers={204: None},
    ),
]
