"""Documents that change rarely and are read for every chunk, remembered for a few seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from warmpost.actions.ports import Clock, Store
from warmpost.rules.model.writes import Stored

T = TypeVar("T")

SECONDS = 5.0
MOST = 1000


class Cache:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[tuple[type, str], tuple[float, object]] = {}
        self._whole: dict[str, tuple[float, list[Stored[Any]]]] = {}

    async def get(self, kind: type[T], path: str, seconds: float = SECONDS) -> T | None:
        """At most so many seconds old; None is remembered too."""
        now = self._clock.timestamp()
        known = self._known.get((kind, path))
        if known and now - known[0] < seconds:
            value = known[1]
            return value if isinstance(value, kind) else None
        found = await self._store.get(kind, path)
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[kind, path] = (now, found.value if found else None)
        return found.value if found else None

    def forget(self, path: str) -> None:
        """What this process has just changed itself."""
        for known in [one for one in self._known if one[1] == path]:
            del self._known[known]

    def forget_whole(self, collection: str) -> None:
        """The same of a collection that is remembered as a whole."""
        self._whole.pop(collection, None)

    def forget_everything(self) -> None:
        """After a change that may concern anything: what was read just before it would hold for SECONDS."""
        self._known.clear()
        self._whole.clear()

    def known(self, kind: type[T], collection: str) -> Sequence[Stored[T]]:
        """As `every` found it last, however long ago; nothing before the first time."""
        _, found = self._whole.get(collection, (0.0, []))
        return [one for one in found if isinstance(one.value, kind)]

    async def every(self, kind: type[T], collection: str, most: int) -> Sequence[Stored[T]]:
        """A small collection as a whole, at most SECONDS old."""
        now = self._clock.timestamp()
        known = self._whole.get(collection)
        if known is None or now - known[0] >= SECONDS:
            known = (now, await self._store.find(kind, collection, limit=most))
            self._whole[collection] = known
        return known[1]
