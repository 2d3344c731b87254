"""A line for each request that a function gets: written by the processes that serve, printed by `up`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOK_EVERY = 0.1  # seconds


class RequestLog:
    """An ASGI application around another: appends time, method, path, status and milliseconds to `file`."""

    def __init__(self, application: ASGIApp, file: Path) -> None:
        self._application = application
        self._out = file.open("a", buffering=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_local"):
            await self._application(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._application(scope, receive, note)
        finally:
            spent = 1000 * (time.perf_counter() - began)
            path = scope["raw_path"].decode("ascii", "backslashreplace")
            now = f"{datetime.now(UTC):%H:%M:%S}"
            self._out.write(f"{now} {scope['method']} {path} {status or '-'} {spent:.0f} ms\n")


async def follow(lines: TextIO) -> None:
    """Print what comes into the file, until cancelled."""
    while True:
        if line := lines.readline():
            print(line, end="", flush=True)
        else:
            await asyncio.sleep(LOOK_EVERY)
