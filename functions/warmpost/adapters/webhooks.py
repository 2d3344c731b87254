"""Requests to customers' endpoints, kept away from everything that is not on the public internet.

The address is judged where the socket is made, so whatever led to it (a name, a number in the URL, an answer of the DNS
that has changed since it was checked) the address judged is the one connected to. Redirects and proxies are not followed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warmpost.adapters.google.metering import Metering
from warmpost.rules.model.addresses import Flaw
from warmpost.rules.model.usage import Usage
from warmpost.rules.webhooks.public_addresses import is_public, is_usable_port, read_url
from warmpost.rules.webhooks.webhooks import Answer

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from aiohttp.abc import AbstractResolver

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
IDLE_SECONDS = 2.0
"""A connection is used again for requests in a row only: many servers hang up on idle ones after five seconds."""

MOST_BODY = 64 * 1024
MOST_ERROR = 200
USER_AGENT = "Warmpost-Webhooks/1"


class AddressRefused(OSError):
    """The endpoint's name leads to an address or port that no request goes to."""

    def __init__(self) -> None:
        super().__init__("the host leads to an address that is not public")


class WebhookClient:
    """Implements `actions.ports.WebhookClient`. The library is imported and its connections open with the first request.

    private: inner addresses, any port and http are allowed, as on the local stack. resolver: the system's by default.
    """

    def __init__(
        self,
        private: bool = False,
        resolver: AbstractResolver | None = None,
        total: float = TOTAL_SECONDS,
        metering: Metering | None = None,
    ) -> None:
        self._private = private
        self._resolver = resolver
        self._total = total
        self._metering = metering or Metering()
        self._opened: ClientSession | None = None

    def _session(self) -> ClientSession:
        if self._opened is None:
            import aiohttp

            connector = aiohttp.TCPConnector(
                limit=0,
                resolver=self._resolver,
                use_dns_cache=False,
                socket_factory=self._socket,
                keepalive_timeout=IDLE_SECONDS,
            )
            self._opened = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(self._total, CONNECT_SECONDS, sock_connect=CONNECT_SECONDS),
            )
        return self._opened

    def _socket(self, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, place = info
        if not self._private and not (is_public(place[0]) and is_usable_port(place[1])):
            raise AddressRefused
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        from aiohttp import ClientError

        loop = asyncio.get_running_loop()
        begun = loop.time()
        checked = read_url(url, self._private)
        if isinstance(checked, Flaw):
            return Answer(0, 0.0, f"the URL {checked.reason}")
        sent = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers}
        size = len(url) + len(body) + sum(len(name) + len(value) + 4 for name, value in sent.items())
        self._metering.add(Usage(egress=size))
        try:
            async with self._session().post(
                checked, data=body, headers=sent, allow_redirects=False
            ) as response:
                return await self._answered(response, begun)
        except TimeoutError as error:
            reason = _reason(error) or f"no answer within {self._total:g} seconds"
            return Answer(0, loop.time() - begun, reason)
        except (ClientError, OSError, ValueError) as error:
            return Answer(0, loop.time() - begun, _reason(error) or type(error).__name__)

    async def _answered(self, response: ClientResponse, begun: float) -> Answer:
        """The status decides; a body that is long, slow or broken changes nothing of it."""
        from aiohttp import ClientError

        loop = asyncio.get_running_loop()
        took = loop.time() - begun
        left = MOST_BODY
        try:
            async for piece in response.content.iter_any():
                left -= len(piece)
                if left <= 0:
                    break
        except (ClientError, TimeoutError, OSError):
            response.close()
        error = "a redirect, which is not followed" if 300 <= response.status < 400 else ""
        return Answer(response.status, took, error, _asked_to_wait(response))

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
            self._opened = None


def _asked_to_wait(response: ClientResponse) -> float:
    """Seconds, from Retry-After (RFC 9110 section 10.2.3); dates are not heeded."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0.0


def _reason(error: BaseException) -> str:
    inner = getattr(error, "os_error", error)
    if isinstance(inner, AddressRefused):
        return str(inner)
    return " ".join(str(error).split())[:MOST_ERROR]
