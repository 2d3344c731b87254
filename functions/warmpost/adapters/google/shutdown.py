"""The platform's notice that this process is to end: SIGTERM, ten seconds before SIGKILL."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


def on_shutdown(act: Callable[[], None]) -> None:
    """Calls `act` in the running event loop at SIGTERM, and then whatever the server has set up for it.

    The server (uvicorn, by itself or as gunicorn's worker) waits for open requests; they only have to end. It has set up
    its handler by the time it passes on the first request; without one, or off the main thread, nothing is changed.
    """
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before):
        return
    with suppress(RuntimeError, ValueError):
        loop = asyncio.get_running_loop()

        def depart(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(act)
            before(number, frame)

        signal.signal(signal.SIGTERM, depart)
