"""Who calls: API keys for people's programs, identity tokens for Cloud Tasks and the scheduler."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from warmpost.errors import Forbidden, Unauthorized
from warmpost.rules.documents import ApiKey, Scope
from warmpost.sending.ports import Store

FIRST_KEY = "first"
PREFIX = "wp"
MOST_KEY_ID = 64


@dataclass(frozen=True, slots=True)
class Caller:
    key_id: str
    scopes: tuple[Scope, ...]


class TokenCheck(Protocol):
    async def check(self, token: str) -> None:
        """Raises Unauthorized unless the token names the account that may call."""
        ...


def digest(secret: str) -> str:
    """Keys have 160 random bits, so a plain hash is as good as a slow one and costs nothing per request."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Keys:
    """Checks API keys of the form `wp_<id>_<secret>`; `first_key` from the environment may do everything."""

    def __init__(self, store: Store, first_key: str) -> None:
        self._store = store
        self._first = first_key

    async def caller(self, request: Request, scope: Scope | None) -> Caller:
        """scope: None for any key. Raises Unauthorized or Forbidden. One read a request: a revoked key ends at once."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token:
            raise Unauthorized("no_key", "Send the API key in the header `Authorization: Bearer <key>`.")
        caller = await self._find(token)
        if scope and scope not in caller.scopes and not (scope == "read" and "manage" in caller.scopes):
            raise Forbidden("scope_missing", f"This key's scopes do not include `{scope}`.")
        return caller

    async def _find(self, token: str) -> Caller:
        if self._first and hmac.compare_digest(token.encode(), self._first.encode()):
            return Caller(FIRST_KEY, ("send", "manage", "read"))
        prefix, _, rest = token.partition("_")
        key_id, _, secret = rest.partition("_")
        if (
            prefix == PREFIX
            and key_id.isalnum()
            and key_id.isascii()
            and len(key_id) <= MOST_KEY_ID
            and secret
        ):
            found = await self._store.get(ApiKey, f"keys/{key_id}")
            if (
                found
                and not found.value.revoked_at
                and hmac.compare_digest(found.value.digest, digest(secret))
            ):
                return Caller(found.id, found.value.scopes)
        raise Unauthorized("wrong_key", "This API key is wrong or was revoked.")


def bearer(request: Request) -> str:
    """Raises Unauthorized."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthorized(
            "no_token", "This address is called by the task queue with an identity token only."
        )
    return token.strip()
