"""A customer's system that is told of events: it checks signatures, is down at times, and keeps what it took."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

TOLERANCE = 300.0
"""Seconds that a signature may be old, as the Standard Webhooks libraries have it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One request. id: its webhook-id. events: those of its body."""

    id: str
    events: tuple[dict[str, Any], ...]


class Receiver:
    """`async with Receiver(clock) as receiver`, then `receiver.url`. clock: epoch seconds, as the sender has them.

    down_until: by that clock; until then every request is answered 503. lost_answers: requests that are taken and then
    answered 500 all the same, as by a system that dies too late. turned_away: requests while it was down. repeated:
    requests whose webhook-id was known. refused: requests whose signature did not hold, with the reason.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.secret = ""
        self.down_until = 0.0
        self.lost_answers = 0
        self.turned_away = 0
        self.repeated = 0
        self.refused: list[str] = []
        self.taken: dict[str, Taken] = {}
        self._clock = clock
        application = web.Application()
        application.router.add_post("/events", self._take)
        self._runner = web.AppRunner(application, access_log=None)

    async def __aenter__(self) -> Receiver:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/events"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for one in self.taken.values() for event in one.events]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self._clock() < self.down_until:
            self.turned_away += 1
            return web.Response(status=503)
        id = request.headers.get("webhook-id", "")
        if flaw := self._flaw(id, request, body):
            self.refused.append(flaw)
            return web.Response(status=401)
        if id in self.taken:
            self.repeated += 1
            return web.Response(status=204)
        told = json.loads(body)
        self.taken[id] = Taken(id, tuple(told if isinstance(told, list) else [told]))
        if self.lost_answers:
            self.lost_answers -= 1
            return web.Response(status=500)
        return web.Response(status=204)

    def _flaw(self, id: str, request: web.Request, body: bytes) -> str:
        """Why a request is not believed, empty where it is (Standard Webhooks, specification 1.0)."""
        stamp = request.headers.get("webhook-timestamp", "")
        if not stamp.isdecimal() or abs(self._clock() - int(stamp)) > TOLERANCE:
            return f"{id}: the timestamp {stamp!r} is not of now"
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.digest(key, b".".join((id.encode(), stamp.encode(), body)), hashlib.sha256)
        expected = f"v1,{base64.b64encode(digest).decode()}"
        given = request.headers.get("webhook-signature", "").split()
        return "" if any(hmac.compare_digest(expected, one) for one in given) else f"{id}: wrong signature"
