"""The emulator's HTTP side: health, counts, the issuer's keys, and moving the clock."""

from __future__ import annotations

import json

from aiohttp import web

from infra.local.cloud_tasks.advance_clock import Traveller
from infra.local.cloud_tasks.dispatch import Dispatcher
from infra.local.cloud_tasks.issuer import Issuer
from infra.local.cloud_tasks.registry import Registry

DEFAULT_TIME_LIMIT = 60.0
_LAG = 1.0


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


class Admin:
    def __init__(
        self, registry: Registry, dispatcher: Dispatcher, traveller: Traveller, issuer: Issuer
    ) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._traveller = traveller
        self._issuer = issuer

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes(
            [
                web.get("/healthz", self.healthz),
                web.get("/operations", self.operations),
                web.get("/queues", self.queues),
                web.post("/reset", self.reset),
                web.post("/advance", self.advance),
                web.get("/jwks", self.jwks),
                web.get("/.well-known/openid-configuration", self.discovery),
            ]
        )
        return application

    async def healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def operations(self, request: web.Request) -> web.Response:
        store = self._registry.store
        counted = {"created": store.created, "dispatched": store.dispatched, "repeated": store.repeated}
        return web.json_response(counted)

    async def queues(self, request: web.Request) -> web.Response:
        now = self._registry.clock.timestamp()
        counts = {name: queue.counts(now) for name, queue in self._registry.queues.items()}
        return web.json_response(counts)

    async def reset(self, request: web.Request) -> web.Response:
        """Forget queues, tasks, used names and counts. The clock and the signing key stay."""
        self._registry.reset()
        await self._registry.store.durable()
        return web.json_response({})

    async def advance(self, request: web.Request) -> web.Response:
        """`{"to": seconds since 1970, "time_limit": real seconds}`; at most a second in the past counts as now."""
        try:
            wish = json.loads(await request.read())
            to, time_limit = float(wish["to"]), float(wish.get("time_limit", DEFAULT_TIME_LIMIT))
        except (ValueError, TypeError, KeyError, AttributeError):
            return _refusal(422, "invalid_time", 'Send {"to": seconds since 1970, "time_limit": seconds}.')
        now = self._registry.clock.timestamp()
        if not now - _LAG <= to < float("inf"):
            return _refusal(409, "time_moves_forward", f"It is {now:.3f} already; time never moves backward.")
        arrival = await self._traveller.advance(to, time_limit)
        return web.json_response(
            {
                "now": arrival.now,
                "offset_seconds": arrival.offset,
                "ran": arrival.ran,
                "running": arrival.running,
                "waiting": arrival.waiting,
                "finished": arrival.finished,
            }
        )

    async def jwks(self, request: web.Request) -> web.Response:
        return web.json_response(self._issuer.jwks())

    async def discovery(self, request: web.Request) -> web.Response:
        return web.json_response(self._issuer.discovery())
