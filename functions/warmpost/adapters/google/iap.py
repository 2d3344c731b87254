"""Checks what Identity-Aware Proxy says of whoever has signed in with Google (a JWT, ES256)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import jwt

from warmpost.errors import Unauthorized, Unavailable

ISSUER = "https://cloud.google.com/iap"
LEEWAY = 60


class IapVerifier:
    """Implements `gateways.console.sessions.Assertions`.

    audience: the service that the proxy stands before, `/projects/NUMBER/locations/REGION/services/NAME`.
    now: epoch seconds. Source: cloud.google.com/iap/docs/signed-headers-howto.
    """

    def __init__(self, keys_url: str, audience: str, now: Callable[[], float]) -> None:
        self._keys = jwt.PyJWKClient(keys_url, cache_keys=True, lifespan=3600, timeout=10)
        self._audience = audience
        self._now = now

    async def address(self, assertion: str) -> str:
        """Of whom the proxy let in. Raises Unauthorized or Unavailable."""
        claims = await asyncio.to_thread(self._claims, assertion)
        now = self._now()
        if not claims["iat"] - LEEWAY <= now < claims["exp"] + LEEWAY:
            raise Unauthorized("wrong_token", "The assertion has expired or is not valid yet.")
        return str(claims["email"])

    def _claims(self, assertion: str) -> dict[str, Any]:
        try:
            key = self._keys.get_signing_key_from_jwt(assertion).key
            claims: dict[str, Any] = jwt.decode(
                assertion,
                key,
                algorithms=["ES256"],
                audience=self._audience,
                issuer=ISSUER,
                options={
                    "require": ["exp", "iat", "iss", "aud", "email"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable(
                "issuer_unavailable", "The keys of Identity-Aware Proxy cannot be fetched.", retry_after=5
            ) from error
        except jwt.PyJWTError as error:
            raise Unauthorized("wrong_token", f"The assertion does not hold: {error}.") from None
        return claims
