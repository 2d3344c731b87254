"""Who calls: API keys for people's programs, identity tokens for Cloud Tasks and the scheduler."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from starlette.requests import Request

from warmpost.actions.ports import Store
from warmpost.errors import Forbidden, Moved, Unauthorized, Unavailable
from warmpost.gateways.http.passwords import Passwords, names_an_address
from warmpost.gateways.http.rate_limit import RateLimit
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.model.documents import ApiKey, Scope
from warmpost.rules.model.writes import Stored, Update
from warmpost.rules.requests.mailboxes import split_mailbox
from warmpost.rules.requests.proxies import Proxies
from warmpost.rules.requests.token_bucket import Rate

FIRST_KEY = "first"
PREFIX = "wp"
BASIC = "basic "
MOST_KEY_ID = 64
MOST_GOOD = 1000
GUESSING = "Too many wrong keys come from your address"
UNLIMITED = Rate(0, 0)
WRONG_KEY = "This API key is wrong or was revoked."
EVERYTHING: tuple[Scope, ...] = ("send", "manage", "read")
MARK = 32
"""Hexadecimal digits of a key's digest that a session of the console carries."""
USED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """rate: requests a second, where the key has a limit of its own. domains: from which it may send, none for all.

    sender: the one address that an SMTP password may send from.
    """

    key_id: str
    scopes: tuple[Scope, ...]
    rate: int | None = None
    domains: tuple[str, ...] = ()
    sender: str = ""

    def require_scope(self, scope: Scope | None) -> None:
        """scope: None for any key. Raises Forbidden."""
        if scope and scope not in self.scopes and not (scope == "read" and "manage" in self.scopes):
            raise Forbidden("missing_scope", f"This key's scopes do not include `{scope}`.")

    def require_sender(self, sender: str, field: str) -> None:
        """sender: as the request has it. Raises Forbidden."""
        domain = domain_of(split_mailbox(sender.strip())[1]).lower()
        if self.domains and domain not in self.domains:
            reason = f"This key may send from {', '.join(self.domains)} only."
            raise Forbidden("domain_not_allowed", reason, field)

    def require_own(self, key_id: str, what: str) -> None:
        """What a key with `send` alone has submitted it may stop; for others' it needs `manage`. Raises Forbidden."""
        if self.key_id != key_id and "manage" not in self.scopes:
            reason = (
                f"This {what} was submitted under another key; a key with the scope `manage` may do this."
            )
            raise Forbidden("submitted_by_another", reason)


class TokenCheck(Protocol):
    async def check(self, token: str) -> None:
        """Raises Unauthorized unless the token names the account that may call."""
        ...


def digest(secret: str) -> str:
    """Keys have 160 random bits, so a plain hash is as good as a slow one and costs nothing per request."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Limits:
    """key: of each key that has no rate of its own. wrong: wrong keys from one address, as our proxies saw it."""

    key: Rate = UNLIMITED
    wrong: Rate = UNLIMITED
    proxies: Proxies = Proxies()


class Keys:
    """Checks API keys of the form `wp_<id>_<secret>`; `first_key` from the environment may do everything."""

    def __init__(
        self,
        store: Store,
        first_key: str,
        limits: Limits = Limits(),
        now: Callable[[], float] = lambda: 0.0,
        machine_now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """now: epoch seconds. machine_now: by the machine's own clock, as clients sign by theirs."""
        self.machine_now = machine_now
        self._store = store
        self._first = first_key
        self._limits = limits
        self._now = now
        self._rate_limit = RateLimit(now)
        self._good: OrderedDict[str, None] = OrderedDict()
        self._passwords = Passwords(store)

    async def caller(self, request: Request, scope: Scope | None) -> Caller:
        """scope: None for any key. One read a request: a revoked key ends at once.

        Raises Unauthorized, Forbidden, or LimitReached where the key, or an address with wrong ones, asks too often.
        """
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if kind.lower() == "basic" and names_an_address(token):
            token = f"{BASIC}{token}"
        elif kind.lower() != "bearer" or not token:
            raise Unauthorized("missing_key", "Send the API key in the header `Authorization: Bearer <key>`.")
        caller = await self._believed(token, f"from {self.address(request)}")
        rate = Rate(caller.rate, 2 * caller.rate) if caller.rate else self._limits.key
        self._rate_limit.spend(
            f"key {caller.key_id}", rate, f"This key may make {rate.a_second:g} requests a second"
        )
        caller.require_scope(scope)
        return caller

    async def signing(self, request: Request, key_id: str, is_right: Callable[[ApiKey], bool]) -> Caller:
        """The caller whose key has signed the request. is_right: whether it has, called for keys that can sign alone.

        Raises Unauthorized `unknown_secret_id` or `wrong_signature`, or LimitReached as `caller`.
        """
        address = f"from {self.address(request)}"
        self._rate_limit.check(address, self._limits.wrong, GUESSING)
        is_id = key_id.isascii() and key_id.isalnum() and len(key_id) <= MOST_KEY_ID
        found = await self._store.get(ApiKey, f"keys/{key_id}") if is_id else None
        if found is None or self._is_over(found.value) or not found.value.sealed:
            self._rate_limit.spend(address, self._limits.wrong, GUESSING)
            raise Unauthorized("unknown_secret_id", "There is no such SecretId, or it was revoked.")
        if not is_right(found.value):
            self._rate_limit.spend(address, self._limits.wrong, GUESSING)
            raise Unauthorized("wrong_signature", "The signature does not fit the request and the key.")
        value = found.value
        rate = Rate(value.rate, 2 * value.rate) if value.rate else self._limits.key
        words = f"This key may make {rate.a_second:g} requests a second"
        self._rate_limit.spend(f"key {key_id}", rate, words)
        await self._note_use(key_id, value)
        return self._known(found)

    async def sign_in(self, request: Request, token: str) -> tuple[Caller, str]:
        """The key that somebody typed, and a mark to resume by. Raises Unauthorized or LimitReached, as `caller` does."""
        if token.startswith(BASIC):
            raise Unauthorized("wrong_key", WRONG_KEY)
        caller = await self._believed(token, f"from {self.address(request)}")
        secret = token if is_first(caller.key_id) else token.split("_", 2)[-1]
        return caller, digest(secret)[:MARK]

    async def resume(self, key_id: str, mark: str) -> Caller | None:
        """Of somebody who has signed in with the key that has this mark. None where that is no more. One read."""
        if is_first(key_id):
            is_same = bool(self._first) and hmac.compare_digest(digest(self._first)[:MARK], mark)
            return Caller(FIRST_KEY, EVERYTHING) if is_same else None
        found = await self._store.get(ApiKey, f"keys/{key_id}")
        if found is None or not hmac.compare_digest(found.value.digest[:MARK], mark):
            return None
        return None if self._is_over(found.value) else self._known(found)

    def address(self, request: Request) -> str:
        """From where it comes, as the last of our proxies saw it."""
        peer = request.client.host if request.client else ""
        return self._limits.proxies.client(request.headers.getlist("x-forwarded-for"), peer)[:100]

    async def _believed(self, token: str, address: str) -> Caller:
        """Strangers who guess are not looked up any more; keys that were good here before are, wherever they come from."""
        known = digest(token)
        if known not in self._good:
            self._rate_limit.check(address, self._limits.wrong, GUESSING)
        caller = await self._find(token)
        if caller is None:
            self._good.pop(known, None)
            self._rate_limit.spend(address, self._limits.wrong, GUESSING)
            raise Unauthorized("wrong_key", WRONG_KEY)
        self._good[known] = None
        self._good.move_to_end(known)
        if len(self._good) > MOST_GOOD:
            self._good.popitem(last=False)
        return caller

    async def _find(self, token: str) -> Caller | None:
        if token.startswith(BASIC):
            address = await self._passwords.find(token.removeprefix(BASIC))
            return Caller(f"smtp {address}", ("send",), sender=address) if address else None
        if self._first and hmac.compare_digest(token.encode(), self._first.encode()):
            return Caller(FIRST_KEY, EVERYTHING)
        prefix, _, rest = token.partition("_")
        key_id, _, secret = rest.partition("_")
        is_id = key_id.isascii() and key_id.isalnum() and len(key_id) <= MOST_KEY_ID
        found = (
            await self._store.get(ApiKey, f"keys/{key_id}") if prefix == PREFIX and is_id and secret else None
        )
        if found is None or found.value.revoked_at:
            return None
        if not hmac.compare_digest(found.value.digest, digest(secret)):
            return None
        if self._is_over(found.value) and found.value.expires_at:
            raise Unauthorized(
                "key_expired", f"This API key expired at {found.value.expires_at:%Y-%m-%d %H:%M} UTC."
            )
        await self._note_use(found.id, found.value)
        return self._known(found)

    def _is_over(self, key: ApiKey) -> bool:
        has_expired = key.expires_at is not None and key.expires_at.timestamp() <= self._now()
        return bool(key.revoked_at) or has_expired

    @staticmethod
    def _known(found: Stored[ApiKey]) -> Caller:
        return Caller(found.id, found.value.scopes, found.value.rate, found.value.domains)

    async def _note_use(self, key_id: str, key: ApiKey) -> None:
        """At most once an hour, and never in the way of the request."""
        now = datetime.fromtimestamp(self._now(), UTC)
        if key.last_used_at is None or now - key.last_used_at > USED_WITHIN:
            with suppress(Unavailable, Moved):
                await self._store.commit(Update(f"keys/{key_id}", {"last_used_at": now}))


def is_first(key_id: str) -> bool:
    return hmac.compare_digest(key_id.encode(), FIRST_KEY.encode())


def bearer(request: Request) -> str:
    """Raises Unauthorized."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthorized(
            "no_token", "This address is called by the task queue with an identity token only."
        )
    return token.strip()
