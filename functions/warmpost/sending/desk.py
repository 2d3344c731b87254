"""One worker process's desk: what lies on it, and whose turn it is.

Only one chunk at a time may have messages claimed in a process, so a crash leaves one stride in doubt and no more. The
others on the desk are read and composed meanwhile, so that the processors never wait for the database. Single sends
claim one message each and need no turn: a password reset never waits for a newsletter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class Desk:
    def __init__(self) -> None:
        self._held: set[str] = set()
        self._turn = asyncio.Lock()

    @contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """False where this very process is at it already: a task that was delivered twice."""
        if name in self._held:
            yield False
            return
        self._held.add(name)
        try:
            yield True
        finally:
            self._held.discard(name)

    @asynccontextmanager
    async def turn(self, shared: bool = False) -> AsyncIterator[None]:
        if shared:
            yield
            return
        async with self._turn:
            yield
