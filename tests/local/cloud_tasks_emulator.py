"""The emulator as a process of its own, and a receiver for what it delivers, for the tests of both."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
from aiohttp import web
from google.cloud.tasks_v2 import CloudTasksAsyncClient, CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import (
    CloudTasksGrpcAsyncIOTransport,
    CloudTasksGrpcTransport,
)

from infra.local.bootstrap import ROOT
from infra.local.clock import MovableClock
from infra.local.ports import free_ports

PARENT = "projects/p/locations/l"
_numbers = itertools.count(1)


async def new_queue(client, **settings):
    name = f"{PARENT}/queues/q{next(_numbers)}"
    await client.create_queue(parent=PARENT, queue={"name": name, **settings})
    return name


async def add(client, queue, url, **fields):
    request = {"url": url, **fields.pop("request", {})}
    return await client.create_task(parent=queue, task={"http_request": request, **fields})


async def until(condition, patience=10.0):
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(0.002)


class Emulator:
    """Started when it is made. `data` and the ports stay the same over `kill` and `start`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.grpc_port, self.http_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.data = folder / "tasks.sqlite"
        self.clock = MovableClock(folder / "clock")
        self._options = options
        self._admin = httpx.AsyncClient(base_url=self.url, timeout=70)
        self._channels: list[Any] = []
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "infra.local.cloud_tasks", "--data", str(self.data)]
        command += ["--grpc-port", str(self.grpc_port), "--http-port", str(self.http_port)]
        command += ["--clock", str(self.clock.path), *self._options]
        self.process = subprocess.Popen(command, cwd=ROOT)
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/healthz").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the emulator did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    async def stop(self) -> None:
        for channel in self._channels:
            await channel.close()
        await self._admin.aclose()
        self.process.terminate()
        self.process.wait(10)
        self.clock.close()

    def client(self) -> Any:
        """A CloudTasksAsyncClient; untyped, because it takes mappings where its annotations say messages."""
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc_port}")
        self._channels.append(channel)
        return CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))

    def blocking_client(self) -> Any:
        channel = grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}")
        return CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))

    async def get(self, path: str) -> Any:
        return (await self._admin.get(path)).raise_for_status().json()

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self._admin.post(path, content=json.dumps(body))

    async def advance(self, seconds: float, time_limit: float = 60) -> Any:
        """Move the clock by that many seconds from now."""
        to = self.clock.timestamp() + seconds
        answer = await self.post("/advance", {"to": to, "time_limit": time_limit})
        return answer.raise_for_status().json()


@dataclass(frozen=True)
class Delivery:
    """One request as it arrived; `at` is the moved time of its arrival."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes
    method: str


class Receiver:
    """Answers 200, or what `answers` holds for the path: a status, a list of them in turn, or a coroutine."""

    def __init__(self, clock: MovableClock) -> None:
        self.deliveries: list[Delivery] = []
        self.answers: dict[str, int | list[int] | Callable[[Delivery], Awaitable[int]]] = {}
        self._clock = clock
        self._port = free_ports(1)[0]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def at(self, path: str) -> list[Delivery]:
        return [delivery for delivery in self.deliveries if delivery.path == path]

    def counts(self) -> Counter[str]:
        return Counter(delivery.path for delivery in self.deliveries)

    async def _receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        delivery = Delivery(
            self._clock.timestamp(), request.path, headers, await request.read(), request.method
        )
        self.deliveries.append(delivery)
        answer = self.answers.get(request.path, 200)
        if isinstance(answer, list):
            return web.Response(status=answer.pop(0) if answer else 200)
        return web.Response(status=answer if isinstance(answer, int) else await answer(delivery))

    async def start(self) -> None:
        application = web.Application(client_max_size=2_000_000)
        application.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        await self._runner.cleanup()
