"""Sender addresses: which addresses of verified domains may stand in From."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.identity.manage_domains import find_domain
from warmpost.actions.ports import Store
from warmpost.actions.storage.pagination import Listed, Page, list_by_id
from warmpost.actions.storage.retries import commit_new
from warmpost.errors import Conflict, Invalid, Moved, NotFound
from warmpost.rules.identity.domains import Domain, SenderAddress
from warmpost.rules.identity.smtp_passwords import keep_password, password_flaw
from warmpost.rules.model.addresses import Flaw, address_key, domain_of, read_address
from warmpost.rules.model.names import read_display_name
from warmpost.rules.model.writes import Add, Create, Delete, Stored, Update


async def create_address(services: Services, text: str, name: str) -> SenderAddress:
    """Raises Invalid, NotFound `domain_not_found`, Conflict `domain_not_verified` or `address_exists`."""
    address = _readable(text)
    shown = require_display_name(name)
    domain = await find_domain(services.store, domain_of(address), "address")
    if domain.value.status != "verified":
        raise Conflict(
            "domain_not_verified",
            f"{domain.value.domain} is not verified yet; publish its DNS records and verify it first.",
            "address",
        )
    path = address_path(address)
    if await services.store.get(SenderAddress, path):
        raise _exists(address)
    sender = SenderAddress(address, shown, domain.value.domain, services.clock.now())
    try:
        await commit_new(services.store, Create(path, sender), Update(domain.path, {"addresses": Add(1)}))
    except Moved:
        if await services.store.get(Domain, domain.path) is None:
            raise NotFound("domain_not_found", f"{domain.value.domain} was deleted.", "address") from None
        raise _exists(address) from None
    return sender


def address_path(address: str) -> str:
    return f"addresses/{address_key(address)}"


def _readable(text: str) -> str:
    address = read_address(text.strip())
    if isinstance(address, Flaw):
        raise Invalid("invalid_address", f"This address {address.reason}.", "address")
    return address


def require_display_name(text: str) -> str:
    """Raises Invalid."""
    name = read_display_name(text)
    if isinstance(name, Flaw):
        raise Invalid("invalid_name", f"A sender's name {name.reason}.", "name")
    return name


def _exists(address: str) -> Conflict:
    return Conflict("address_exists", f"The address {address} exists already.", "address")


async def find_address(store: Store, text: str, field: str | None = None) -> Stored[SenderAddress]:
    """Raises NotFound `address_not_found`, with the field that referred to it."""
    address = read_address(text)
    found = await store.get(SenderAddress, address_path(address)) if isinstance(address, str) else None
    if found is None:
        raise NotFound("address_not_found", f"There is no sender address {text[:254]}.", field)
    return found


async def known_address(services: Services, text: str) -> SenderAddress:
    """As it was a few seconds ago at most; what is not remembered is asked for. Raises NotFound."""
    address = read_address(text)
    if isinstance(address, str):
        known = await services.cache.get(SenderAddress, address_path(address))
        if known is not None:
            return known
    return (await find_address(services.store, text)).value


async def list_addresses(services: Services, page: Page) -> Listed[Stored[SenderAddress]]:
    return await list_by_id(services.store, SenderAddress, "addresses", page)


async def rename_address(services: Services, text: str, name: str) -> SenderAddress:
    """Raises NotFound, Invalid or Moved."""
    shown = require_display_name(name)
    stored = await find_address(services.store, text)
    await services.store.commit(Update(stored.path, {"name": shown}, stored.version))
    return replace(stored.value, name=shown)


async def set_smtp_password(services: Services, text: str, password: str) -> SenderAddress:
    """password: empty for none any more. Raises NotFound, Invalid or Moved."""
    stored = await find_address(services.store, text)
    if password and (flaw := password_flaw(password)):
        raise Invalid("invalid_password", f"An SMTP password {flaw}.", "password")
    kept = await asyncio.to_thread(keep_password, password, secrets.token_bytes(16)) if password else ""
    await services.store.commit(Update(stored.path, {"smtp_password": kept}, stored.version))
    return replace(stored.value, smtp_password=kept)


async def delete_address(services: Services, text: str) -> None:
    """Raises NotFound or Moved."""
    stored = await find_address(services.store, text)
    await services.store.commit(
        Delete(stored.path, stored.version),
        Update(f"domains/{stored.value.domain}", {"addresses": Add(-1)}),
    )
