"""One HTTP request to a task's receiver, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import aiohttp
from yarl import URL

from infra.local.clock import MovableClock
from infra.local.cloud_tasks.issuer import Issuer

UNAVAILABLE = "UNAVAILABLE"

# Servers close idle connections after 2 s (gunicorn) or 5 s (uvicorn); one closed just as a request leaves fails it.
_IDLE_CONNECTION = 1.5
_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer. `answered` is False where none came: 504 after the deadline, 503 without a connection."""

    status: int
    answered: bool = True
    reason: str = ""

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300


class Courier:
    """Delivers over kept-alive connections, and proves who sends with the issuer's tokens."""

    def __init__(self, issuer: Issuer, clock: MovableClock) -> None:
        self._issuer = issuer
        self._clock = clock
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_CONNECTION)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_OWN_HEADERS,
            auto_decompress=False,
        )

    def authorization(self, email: str, audience: str) -> str:
        """The value of an Authorization header that proves the service account of that e-mail address."""
        return f"Bearer {self._issuer.token(email, audience, self._clock.timestamp())}"

    async def deliver(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> Answer:
        """Send and wait up to `deadline` real seconds. Redirects are answers, never followed."""
        timeout = aiohttp.ClientTimeout(total=deadline)
        try:
            async with self._session.request(
                method,
                URL(url),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                await response.read()
                return Answer(response.status)
        except TimeoutError:
            return Answer(504, answered=False)
        except (aiohttp.ClientError, OSError, ValueError):
            return Answer(503, answered=False, reason=UNAVAILABLE)

    async def close(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
