"""A TCP proxy across a distance: `python -m infra.bench.delay PORT TARGET MILLISECONDS` adds so much to a round trip.

Bytes are kept for half of it each way, as many as come: what is measured is waiting, not bandwidth.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from functools import partial
from typing import cast

import uvloop


class Way(asyncio.Protocol):
    """One direction of a connection."""

    def __init__(self, delay: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._delay = delay
        self._kept: deque[bytes] = deque()
        self.back: asyncio.Transport | None = None
        self.out: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.back = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._kept.append(data)
        self._loop.call_later(self._delay, self._pass_on)

    def _pass_on(self) -> None:
        data = self._kept.popleft()
        if self.out is None:  # the way on is not open yet
            self._kept.appendleft(data)
            self._loop.call_later(self._delay, self._pass_on)
        elif not self.out.is_closing():
            self.out.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._loop.call_later(self._delay, self._close)

    def _close(self) -> None:
        if self.out is not None:
            self.out.close()


class Entrance(Way):
    def __init__(self, delay: float, target: int) -> None:
        super().__init__(delay)
        self._target = target
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opening = self._loop.create_task(self._open())

    async def _open(self) -> None:
        exit_ = Way(self._delay)
        exit_.out = self.back
        try:
            await self._loop.create_connection(lambda: exit_, "127.0.0.1", self._target)
        except OSError:
            if self.back is not None:
                self.back.abort()
            return
        self.out = exit_.back


async def serve(port: int, target: int, milliseconds: float) -> None:
    entrance = partial(Entrance, milliseconds / 2000, target)
    server = await asyncio.get_running_loop().create_server(entrance, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
