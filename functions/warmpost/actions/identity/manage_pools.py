"""Relay pools: where the mail of the domains that are bound to them leaves."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.ports import Store
from warmpost.actions.storage.pagination import Listed, Page, list_by_id
from warmpost.actions.storage.retries import commit_new
from warmpost.errors import Conflict, Invalid, Moved, NotFound
from warmpost.rules.identity.domains import RelayPool
from warmpost.rules.model.addresses import read_domain
from warmpost.rules.model.names import has_controls, is_pool_name
from warmpost.rules.model.relays import SHARED, Relay
from warmpost.rules.model.writes import Create, Delete, Stored, Update

MOST_RELAYS = 20
MOST_CHARACTERS = 100
MOST_USERNAME_CHARACTERS = 254
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
OUR_SECRETS = "WARMPOST_"
RELAY_SECRETS = "WARMPOST_RELAY_"


async def create_pool(
    services: Services, name: str, relays: Sequence[Relay], relay_cap: int | None = None
) -> RelayPool:
    """A pool named `shared` takes the place of the relay in the deployment's settings.

    relay_cap: messages per relay and day. Raises Invalid or Conflict.
    """
    if not is_pool_name(name):
        reason = "A pool's name has 1 to 63 lower-case letters, digits, dots, hyphens and underscores."
        raise Invalid("invalid_name", reason, "name")
    _check_cap(name, relay_cap)
    pool = RelayPool(name, checked_relays(relays), services.clock.now(), relay_cap=relay_cap)
    try:
        await commit_new(services.store, Create(f"pools/{name}", pool))
    except Moved:
        raise Conflict("pool_exists", f"There is a pool named {name} already.", "name") from None
    return pool


def _check_cap(name: str, relay_cap: int | None) -> None:
    if name == SHARED and relay_cap is not None:
        reason = "Domains without a pool of their own share this one; only a dedicated pool has a cap."
        raise Invalid("invalid_field", reason, "relay_cap")


def checked_relays(relays: Sequence[Relay]) -> tuple[Relay, ...]:
    """The relays with their hosts as they are kept. Raises Invalid with a path such as `relays[0].host`."""
    if not 1 <= len(relays) <= MOST_RELAYS:
        raise Invalid("invalid_field", f"A pool has 1 to {MOST_RELAYS} relays.", "relays")
    checked: list[Relay] = []
    for at, relay in enumerate(relays):
        one = replace(
            relay, name=relay.name.strip() or relay.host, host=_host(relay.host, f"relays[{at}].host")
        )
        for name, reason in _flaws(one, [other.name for other in checked]):
            raise Invalid("invalid_field", reason, f"relays[{at}].{name}")
        checked.append(one)
    return tuple(checked)


def _host(text: str, field: str) -> str:
    host = text.strip().lower()
    try:
        return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    if _HOST_LABEL.fullmatch(host):
        return host  # a name without a dot, as in a private network
    name = read_domain(host)
    if not isinstance(name, str):
        raise Invalid(
            "invalid_field", f"A host is a domain name or an IP address; this one {name.reason}.", field
        )
    return name


def _flaws(relay: Relay, others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Field and reason of what is wrong, names first."""
    if len(relay.name) > MOST_CHARACTERS or has_controls(relay.name):
        yield "name", f"A relay's name has {MOST_CHARACTERS} characters at most and no control characters."
    if relay.name in others:
        yield "name", f"There are two relays named {relay.name!r}."
    if len(relay.username) > MOST_USERNAME_CHARACTERS or has_controls(relay.username):
        reason = f"A user name has {MOST_USERNAME_CHARACTERS} characters at most and no control characters."
        yield "username", reason
    yield from _secret_flaws(relay)
    if relay.transport and not is_pool_name(relay.transport):
        reason = "A transport's name has 1 to 63 lower-case letters, digits, dots, hyphens and underscores."
        yield "transport", reason


def _secret_flaws(relay: Relay) -> Iterator[tuple[str, str]]:
    secret = relay.password_secret
    if secret and not _SECRET.fullmatch(secret):
        reason = "This is the name of the secret that holds the password: letters, digits and underscores."
        yield "password_secret", reason
    if secret.upper().startswith(OUR_SECRETS) and not secret.upper().startswith(RELAY_SECRETS):
        reason = f"Secrets named {OUR_SECRETS}… are not given to relays, except {RELAY_SECRETS}…"
        yield "password_secret", reason
    if relay.username and not secret:
        yield "password_secret", "A user name needs a secret with its password."
    if secret and not relay.username:
        yield "username", "A password needs a user name."


async def find_pool(store: Store, name: str) -> Stored[RelayPool]:
    """Raises NotFound."""
    found = await store.get(RelayPool, f"pools/{name}") if is_pool_name(name) else None
    if found is None:
        raise NotFound("pool_not_found", f"There is no pool named {name[:63]!r}.")
    return found


async def list_pools(services: Services, page: Page) -> Listed[Stored[RelayPool]]:
    return await list_by_id(services.store, RelayPool, "pools", page)


async def change_pool(services: Services, name: str, changes: Mapping[str, Any]) -> RelayPool:
    """changes: `relays`, `relay_cap` or both. Raises NotFound, Invalid or Moved."""
    wanted = dict(changes)
    if "relays" in wanted:
        wanted["relays"] = checked_relays(wanted["relays"])
    _check_cap(name, wanted.get("relay_cap"))
    stored = await find_pool(services.store, name)
    if wanted:
        await services.store.commit(Update(stored.path, wanted, stored.version))
    return replace(stored.value, **wanted)


async def delete_pool(services: Services, name: str) -> None:
    """Raises NotFound, Moved, or Conflict while domains are bound to it."""
    stored = await find_pool(services.store, name)
    if stored.value.domains:
        raise Conflict(
            "pool_in_use",
            f"{stored.value.domains} sender domains are bound to {name}; bind them to another pool first.",
        )
    await services.store.commit(Delete(stored.path, stored.version))
