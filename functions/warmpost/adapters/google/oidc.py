"""Checks the identity tokens Cloud Tasks and Cloud Scheduler send (OpenID Connect, RS256)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import jwt

from warmpost.errors import Unauthorized, Unavailable

LEEWAY = 60


class TokenVerifier:
    """Signature, issuer, audience, expiry and e-mail of the caller.

    Keys are fetched once and again only for an unknown key id, off the event loop; verified tokens are remembered until
    they expire, because the queue sends the same one with many tasks. signature: False where the platform has
    verified and stripped it; everything else is checked all the same. audiences: the URLs at which the functions are
    called. now: epoch seconds of the injected clock.
    """

    def __init__(
        self,
        keys_url: str,
        issuer: str,
        audiences: Sequence[str],
        email: str,
        now: Callable[[], float],
        signature: bool = True,
    ) -> None:
        self._keys = jwt.PyJWKClient(keys_url, cache_keys=True, lifespan=3600, timeout=10)
        self._issuers = [issuer, issuer.removeprefix("https://")]
        self._audiences = list(audiences)
        self._email = email
        self._now = now
        self._signature = signature
        self._known: dict[str, float] = {}

    async def check(self, token: str) -> None:
        now = self._now()
        if self._known.get(token, 0.0) > now:
            return
        claims = await asyncio.to_thread(self._claims, token)
        if claims.get("email") != self._email or claims.get("email_verified") is not True:
            raise Unauthorized("wrong_caller", "The token belongs to another account than the queue's.")
        if not claims["iat"] - LEEWAY <= now < claims["exp"]:
            raise Unauthorized("wrong_token", "The identity token has expired or is not valid yet.")
        if len(self._known) > 1000:
            self._known.clear()
        self._known[token] = float(claims["exp"])

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            key: Any = self._keys.get_signing_key_from_jwt(token).key if self._signature else ""
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audiences,
                issuer=self._issuers,
                options={
                    "require": ["exp", "iat", "iss", "aud"],
                    "verify_signature": self._signature,
                    "verify_aud": True,
                    "verify_iss": True,
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable(
                "issuer_unavailable", "The issuer's keys cannot be fetched.", retry_after=5
            ) from error
        except jwt.PyJWTError as error:
            raise Unauthorized("wrong_token", f"The identity token does not hold: {error}.") from None
        return claims
