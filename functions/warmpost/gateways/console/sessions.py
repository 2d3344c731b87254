"""Who has signed in: a sealed cookie that stands for an API key and ends with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from warmpost.gateways.http.auth import Caller, Keys

COOKIE = "__Secure-warmpost"
HOURS = 12
RENEW_AFTER = 600
"""Seconds after which the cookie is made anew, so that not every answer sets one."""


class Seal(Protocol):
    def seal(self, plain: bytes) -> str: ...

    def open(self, sealed: str) -> bytes | None:
        """None where it was not sealed by this deployment."""
        ...


class Assertions(Protocol):
    """Where a proxy has signed people in before they come."""

    async def address(self, assertion: str) -> str:
        """Of whom it let in. Raises Unauthorized or Unavailable."""
        ...


ASSERTION = "x-goog-iap-jwt-assertion"


class Session(msgspec.Struct, frozen=True):
    """key_id and mark: as `Keys.resume` takes them. until: epoch seconds."""

    key_id: str
    mark: str
    until: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """cookie: a fresh one to set, empty while the one that came is young enough."""

    caller: Caller
    cookie: str = ""


def start_session(seal: Seal, key_id: str, mark: str, now: float) -> str:
    """The cookie's value after a key was found right, which stands nowhere in it."""
    return _closed(seal, Session(key_id, mark, int(now) + HOURS * 3600))


async def resume_session(seal: Seal, keys: Keys, cookie: str, now: float) -> SignedIn | None:
    """None where nobody has signed in, too long ago, or with a key that is no more. One read of the key."""
    session = _opened(seal, cookie) if cookie else None
    if session is None or session.until <= now:
        return None
    caller = await keys.resume(session.key_id, session.mark)
    if caller is None:
        return None
    is_old = session.until - now < HOURS * 3600 - RENEW_AFTER
    renewed = Session(session.key_id, session.mark, int(now) + HOURS * 3600)
    return SignedIn(caller, _closed(seal, renewed) if is_old else "")


def set_cookie(value: str, path: str) -> str:
    """The Set-Cookie header; an empty value takes the cookie away."""
    age = HOURS * 3600 if value else 0
    return f"{COOKIE}={value}; Path={path}; Max-Age={age}; Secure; HttpOnly; SameSite=Strict"


def _closed(seal: Seal, session: Session) -> str:
    return seal.seal(msgspec.json.encode(session))


def _opened(seal: Seal, cookie: str) -> Session | None:
    plain = seal.open(cookie)
    try:
        return msgspec.json.decode(plain, type=Session) if plain is not None else None
    except msgspec.DecodeError:
        return None
