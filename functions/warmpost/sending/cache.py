"""Documents that change rarely and are read for every chunk, remembered for a few seconds."""

from __future__ import annotations

from typing import TypeVar

from warmpost.sending.ports import Clock, Store

T = TypeVar("T")

SECONDS = 5.0
MOST = 1000


class Cache:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[float, object]] = {}

    async def get(self, kind: type[T], path: str) -> T | None:
        """At most SECONDS old; None is remembered too."""
        now = self._clock.timestamp()
        known = self._known.get(path)
        if known and now - known[0] < SECONDS:
            value = known[1]
            return value if isinstance(value, kind) else None
        found = await self._store.get(kind, path)
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[path] = (now, found.value if found else None)
        return found.value if found else None
