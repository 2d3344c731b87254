"""SMTP passwords as credentials: `Authorization: Basic` with a sender address as the user name (RFC 7617)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict

from warmpost.actions.ports import Store
from warmpost.rules.identity.domains import SenderAddress
from warmpost.rules.identity.smtp_passwords import is_password, looks_like_password
from warmpost.rules.model.addresses import address_key, read_address

MOST_REMEMBERED = 1000
AT_ONCE = 2
"""Tries that are hashed side by side: each takes 16 MiB."""


class Passwords:
    """Hashes each right one once; what is stored is read each time, so that a changed password ends at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._room = asyncio.Semaphore(AT_ONCE)
        self._pepper = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, str] = OrderedDict()

    async def find(self, token: str) -> str | None:
        """The address that `token` (base64 of `user:password`) stands for."""
        user, password = _split(token)
        address = read_address(user)
        if not isinstance(address, str) or not looks_like_password(password):
            return None
        found = await self._store.get(SenderAddress, f"addresses/{address_key(address)}")
        if found is None or not found.value.smtp_password:
            return None
        kept = found.value.smtp_password
        name = hmac.digest(self._pepper, f"{address_key(address)}:{password}".encode(), hashlib.sha256)
        if not hmac.compare_digest(self._right.get(name, "").encode(), kept.encode()):
            async with self._room:
                if not await asyncio.to_thread(is_password, password, kept):
                    return None
            self._right[name] = kept
            if len(self._right) > MOST_REMEMBERED:
                self._right.popitem(last=False)
        return found.value.address


def names_an_address(token: str) -> bool:
    return "@" in _split(token)[0]


def _split(token: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password
