"""The one thing behind this gateway: the function `send`, asked over kept connections with the client's credential."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from infra.submission.replies import Answer

SECONDS = 25.0
MOST_CONNECTIONS = 200

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


class FunctionsClient:
    """url: of the function `send`."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None

    async def check(self, credential: Credential, peer: str) -> Answer:
        """Whether a credential may send: 200, 401 or 403, or that nobody can say."""
        return await self._twice("GET", f"{self._url}/credential", credential, peer, None, {})

    async def send(
        self, credential: Credential, recipients: Sequence[str], content: bytes, peer: str
    ) -> Answer:
        key = idempotency_key(credential, recipients, content)
        to = json.dumps(sorted(set(recipients))).encode()
        body = b"".join((b'{"to":', to, b',"raw":"', base64.b64encode(content), b'"}'))
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return await self._twice("POST", self._url, credential, peer, body, headers)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _twice(
        self,
        method: str,
        url: str,
        credential: Credential,
        peer: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> Answer:
        """Once more under the same key where the answer was lost or a server failed."""
        headers = {**headers, "Authorization": credential.header, "X-Forwarded-For": peer}
        answer = await self._once(method, url, body, headers)
        return await self._once(method, url, body, headers) if answer.may_change else answer

    async def _once(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        try:
            async with self._session.request(method, url, data=body, headers=headers) as response:
                return _read(response.status, await response.read(), response.headers.get("Retry-After", ""))
        except TimeoutError:
            return Answer(1, message="Warmpost did not answer in time.")
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError):
            return Answer(0, message="Warmpost cannot be reached now.")


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
