"""API keys: shown once, kept as a digest, revoked for ever."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.identity.manage_domains import find_domain
from warmpost.actions.ports import Store
from warmpost.actions.storage.pagination import Listed, Page, list_by_id
from warmpost.actions.storage.retries import commit_new
from warmpost.errors import Invalid, NotFound
from warmpost.rules.model.documents import ApiKey, Scope
from warmpost.rules.model.names import read_name
from warmpost.rules.model.writes import Create, Stored, Update
from warmpost.rules.requests.timestamps import read_moment

ID_BYTES = 10
SECRET_BYTES = 20
MOST_ID_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class NewKey:
    """token: what a client sends; nobody can show it again. secret: what a client signs with, empty where it does not."""

    id: str
    token: str = field(repr=False)
    key: ApiKey
    secret: str = field(default="", repr=False)


async def create_key(
    services: Services,
    text: str,
    scopes: Sequence[Scope],
    rate: int | None = None,
    domains: Sequence[str] = (),
    expires_at: str | None = None,
    signs: bool = False,
) -> NewKey:
    """rate: requests a second, None for the deployment's. domains: from which it may send, none for all. signs: the key can
    sign requests of the Tencent protocol as well, for which its secret is kept, sealed.

    Raises Invalid, or NotFound for a domain that is not there.
    """
    name = read_name(text)
    if not isinstance(name, str):
        raise Invalid("invalid_name", f"A name {name.reason}.", "name")
    if not scopes:
        raise Invalid("invalid_field", "A key needs at least one scope: send, manage or read.", "scopes")
    id, secret = _random(ID_BYTES), _random(SECRET_BYTES)
    key = ApiKey(
        name=name,
        scopes=tuple(dict.fromkeys(scopes)),
        digest=hashlib.sha256(secret.encode()).hexdigest(),
        created_at=services.clock.now(),
        rate=rate,
        domains=await _known_domains(services.store, domains),
        expires_at=_expiry(expires_at, services.clock.now()),
    )
    if signs:
        key = replace(key, sealed=services.encryption.encrypt(secret.encode(), key_context(id)))
    await commit_new(services.store, Create(f"keys/{id}", key))
    return NewKey(id, f"wp_{id}_{secret}", key, secret if signs else "")


def key_context(id: str) -> str:
    """What a sealed secret is bound to."""
    return f"key:{id}"


async def _known_domains(store: Store, domains: Sequence[str]) -> tuple[str, ...]:
    found = [await find_domain(store, one, f"domains[{place}]") for place, one in enumerate(domains)]
    return tuple(dict.fromkeys(one.value.domain for one in found))


def _expiry(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    until = read_moment(text, None, "expires_at")
    if until <= now:
        raise Invalid("invalid_expires_at", "A key expires in the future, or never.", "expires_at")
    return until


def _random(size: int) -> str:
    """Lower-case letters and digits, 5 bits each."""
    return base64.b32encode(secrets.token_bytes(size)).decode().rstrip("=").lower()


async def find_key(store: Store, id: str) -> Stored[ApiKey]:
    """Raises NotFound."""
    possible = id.isascii() and id.isalnum() and len(id) <= MOST_ID_CHARACTERS
    found = await store.get(ApiKey, f"keys/{id}") if possible else None
    if found is None:
        raise NotFound("key_not_found", f"There is no key with the id {id[:MOST_ID_CHARACTERS]!r}.")
    return found


async def list_keys(services: Services, page: Page) -> Listed[Stored[ApiKey]]:
    return await list_by_id(services.store, ApiKey, "keys", page)


async def revoke_key(services: Services, id: str) -> ApiKey:
    """Keeps the moment of the first time. Raises NotFound."""
    stored = await find_key(services.store, id)
    if stored.value.revoked_at:
        return stored.value
    now = services.clock.now()
    await services.store.commit(Update(stored.path, {"revoked_at": now}))
    return replace(stored.value, revoked_at=now)
