"""Sender domains: created with their keys and the DNS records they need, bound to a pool."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.identity.check_domains import keep_check
from warmpost.actions.ports import SigningPool, Store
from warmpost.actions.storage.pagination import Listed, Page, list_by_id
from warmpost.actions.storage.retries import commit_new
from warmpost.errors import Conflict, Invalid, Moved, NotFound
from warmpost.rules.identity.dkim_rotation import begin_rotation
from warmpost.rules.identity.dns_records import expected_records
from warmpost.rules.identity.domains import Domain, DomainKey, RelayPool
from warmpost.rules.model.addresses import Flaw, read_domain
from warmpost.rules.model.names import is_pool_name
from warmpost.rules.model.relays import SHARED
from warmpost.rules.model.writes import Add, Create, Stored, Update, Write

MOST_DOMAIN_BYTES = 200
"""Leaves room for a selector and `_domainkey` in front."""


async def create_domain(services: Services, text: str, ed25519: bool = False) -> Domain:
    """A pending domain with a new RSA key, and an Ed25519 one beside it if asked for. Raises Invalid or Conflict."""
    name = _readable(text, services.policy.simulator_domain)
    path = f"domains/{name}"
    if await services.store.get(Domain, path):
        raise _exists(name)
    keys = await asyncio.to_thread(_new_keys, services.signing_pool, name, ed25519)
    domain = Domain(
        domain=name,
        status="pending",
        keys=keys,
        records=expected_records(name, secrets.token_hex(16), keys, services.policy.spf_include),
        created_at=services.clock.now(),
    )
    try:
        await commit_new(services.store, Create(path, domain))
    except Moved:
        raise _exists(name) from None
    return domain


def _readable(text: str, simulator: str) -> str:
    name = read_domain(text.strip())
    if isinstance(name, Flaw):
        raise Invalid("invalid_domain", f"This domain name {name.reason}.", "domain")
    if len(name) > MOST_DOMAIN_BYTES:
        reason = f"A sender domain may have {MOST_DOMAIN_BYTES} bytes at most."
        raise Invalid("invalid_domain", reason, "domain")
    if name == simulator or name.endswith(f".{simulator}"):
        raise Invalid("invalid_domain", f"{name} belongs to the mailbox simulator.", "domain")
    return name


def _new_keys(signing_pool: SigningPool, domain: str, ed25519: bool) -> tuple[DomainKey, ...]:
    """Selectors are drawn, so that a domain that was deleted and created again does not meet its old key in caches."""
    selector = f"wp{secrets.token_hex(3)}"
    keys = [signing_pool.new_key("rsa-sha256", selector, domain)]
    if ed25519:
        keys.append(signing_pool.new_key("ed25519-sha256", f"{selector}e", domain))
    return tuple(keys)


def _exists(name: str) -> Conflict:
    return Conflict("domain_exists", f"The domain {name} exists already.", "domain")


async def find_domain(store: Store, text: str, field: str | None = None) -> Stored[Domain]:
    """Raises NotFound `domain_not_found`, with the field that referred to it."""
    name = read_domain(text)
    found = await store.get(Domain, f"domains/{name}") if isinstance(name, str) else None
    if found is None:
        raise NotFound("domain_not_found", f"There is no sender domain {text[:253]}.", field)
    return found


async def list_domains(services: Services, page: Page) -> Listed[Stored[Domain]]:
    return await list_by_id(services.store, Domain, "domains", page)


async def verify_domain(services: Services, text: str) -> Domain:
    """Looks all records up; the domain is verified once all are right, and stays so whatever later look-ups find.

    What broke or is right again since is told as by the daily check. Raises NotFound, Moved, or Unavailable where the
    DNS does not answer: nothing is changed then.
    """
    stored = await find_domain(services.store, text)
    found = await asyncio.gather(*(services.resolver.txt(one.name) for one in stored.value.records))
    return await keep_check(services, stored, found)


async def rotate_dkim(services: Services, text: str) -> Domain:
    """New keys of the kinds it has, with records beside the old ones; asked again before they sign, it changes nothing.

    Raises NotFound, Moved, or Conflict `domain_not_verified` for a domain that was never verified.
    """
    stored = await find_domain(services.store, text)
    domain = stored.value
    if domain.incoming:
        return domain
    if domain.status != "verified":
        reason = f"{domain.domain} has signed nothing yet: publish its records and verify it."
        raise Conflict("domain_not_verified", reason)
    with_ed25519 = any(one.algorithm == "ed25519-sha256" for one in domain.keys)
    keys = await asyncio.to_thread(_new_keys, services.signing_pool, domain.domain, with_ed25519)
    after = begin_rotation(domain, keys)
    changes = {"incoming": after.incoming, "records": after.records}
    await services.store.commit(Update(stored.path, changes, stored.version))
    return after


async def bind_domain(services: Services, text: str, pool: str | None) -> Domain:
    """Lets a domain's mail leave through a pool of its own; None or `shared` for the shared one.

    Raises NotFound (`pool_not_found` with field `pool`) or Moved.
    """
    stored = await find_domain(services.store, text)
    wanted = "" if pool in (None, SHARED) else str(pool)
    before = stored.value.pool
    if wanted == before:
        return stored.value
    if wanted and not (is_pool_name(wanted) and await services.store.get(RelayPool, f"pools/{wanted}")):
        raise NotFound("pool_not_found", f"There is no pool named {wanted[:63]!r}.", "pool")
    writes: list[Write] = [Update(stored.path, {"pool": wanted}, stored.version)]
    if wanted:
        writes.append(Update(f"pools/{wanted}", {"domains": Add(1)}))
    await services.store.commit(*writes, *released(before))
    return replace(stored.value, pool=wanted)


def released(pool: str) -> list[Write]:
    return [Update(f"pools/{pool}", {"domains": Add(-1)})] if pool else []
