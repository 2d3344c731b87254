"""The one thing behind this gateway: the function `send`, asked over kept connections with the client's credential."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from infra.submission.replies import Answer

SECONDS = 25.0
MOST_CONNECTIONS = 200
PIECE = (
    3 * 64 * 1024
)  # octets of a message that are base64 at a time; a multiple of 3, so that the pieces join

_OWN_KEY = re.compile(
    rb"^x-warmpost-idempotency-key:[ \t]*([!-~]{1,255})[ \t]*\r$", re.IGNORECASE | re.MULTILINE
)
_MESSAGE_ID = re.compile(rb"^message-id:[ \t\r\n]*(\S[^\r\n]*)\r$", re.IGNORECASE | re.MULTILINE)
_SMTP_PASSWORD = re.compile(r"[A-Za-z0-9]{10,20}").fullmatch


@dataclass(frozen=True, slots=True)
class Credential:
    """As the client gave it."""

    user: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """A password of a sender address, or an API key beside whatever user name."""
        if "@" in self.user and _SMTP_PASSWORD(self.password):
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return f"Basic {pair}"
        return f"Bearer {self.password}"

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.header.encode()).digest()


def idempotency_key(credential: Credential, recipients: Sequence[str], content: bytes) -> str:
    """The same bytes to the same recipients are one message, other bytes are another.

    Without a Message-ID two equal messages may be meant: only this gateway's own repeats then share a key.
    """
    header = content[: content.find(b"\r\n\r\n") + 2] if b"\r\n\r\n" in content else content
    if own := _OWN_KEY.search(header):
        return own[1].decode("ascii")
    if not _MESSAGE_ID.search(header):
        return f"smtp-{secrets.token_hex(24)}"
    named = json.dumps(sorted(recipients)).encode()
    return f"smtp-{hashlib.sha256(credential.digest + named + hashlib.sha256(content).digest()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class _Request:
    """content: what `raw` holds, written in base64 piece by piece: of a message of 10 MB there is no second copy."""

    method: str
    url: str
    headers: Mapping[str, str]
    start: bytes = b""
    content: bytes = b""

    @property
    def length(self) -> int:
        return len(self.start) + (len(self.content) + 2) // 3 * 4 + len(_END)

    def body(self) -> bytes | AsyncIterator[bytes] | None:
        if not self.start:
            return None
        if len(self.content) <= PIECE:
            return b"".join((self.start, base64.b64encode(self.content), _END))
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self.start
        whole = memoryview(self.content)
        for first in range(0, len(whole), PIECE):
            yield base64.b64encode(whole[first : first + PIECE])
        yield _END


_END = b'"}'


class FunctionsClient:
    """url: of the function `send`."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None

    async def check(self, credential: Credential, peer: str) -> Answer:
        """Whether a credential may send: 200, 401 or 403, or that nobody can say."""
        return await self._twice(_Request("GET", f"{self._url}/credential", _headers(credential, peer)))

    async def send(
        self, credential: Credential, recipients: Sequence[str], content: bytes, peer: str
    ) -> Answer:
        to = json.dumps(sorted(set(recipients))).encode()
        headers = {
            **_headers(credential, peer),
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key(credential, recipients, content),
        }
        start = b"".join((b'{"to":', to, b',"raw":"'))
        return await self._twice(_Request("POST", self._url, headers, start, content))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _twice(self, request: _Request) -> Answer:
        """Once more under the same key where the answer was lost or a server failed."""
        answer = await self._once(request)
        return await self._once(request) if answer.may_change else answer

    async def _once(self, request: _Request) -> Answer:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        body, headers = request.body(), dict(request.headers)
        if body is not None:
            headers["Content-Length"] = str(request.length)
        try:
            async with self._session.request(
                request.method, request.url, data=body, headers=headers
            ) as response:
                return _read(response.status, await response.read(), response.headers.get("Retry-After", ""))
        except TimeoutError:
            return Answer(1, message="Warmpost did not answer in time.")
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError):
            return Answer(0, message="Warmpost cannot be reached now.")


def _headers(credential: Credential, peer: str) -> dict[str, str]:
    return {"Authorization": credential.header, "X-Forwarded-For": peer}


def _read(status: int, body: bytes, retry_after: str) -> Answer:
    try:
        answered = json.loads(body)
    except ValueError:
        answered = {}
    if not isinstance(answered, dict):
        answered = {}
    error = answered.get("error") or {}
    return Answer(
        status=status if status != 202 or answered.get("id") else 502,
        id=str(answered.get("id", "")),
        code=str(error.get("code", "")),
        message=str(error.get("message", "")),
        retry_after=int(retry_after) if retry_after.isascii() and retry_after.isdigit() else None,
    )
