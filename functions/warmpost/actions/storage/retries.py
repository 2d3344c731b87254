"""Optimistic writes: read, decide, commit upon the version that was read; once more where something came between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from warmpost.actions.ports import Store
from warmpost.errors import Moved, Problem
from warmpost.rules.model.writes import Create, Write

T = TypeVar("T")

TRIES = 10


async def retry_on_conflict(
    attempt: Callable[[], Awaitable[T]],
    *,
    tries: int = TRIES,
    on: type[Exception] = Moved,
    pause: Callable[[int], float] | None = None,
    otherwise: Problem | None = None,
) -> T:
    """attempt: reads anew each time. on: what says that something came between.

    pause: seconds to give way to rivals, by the number of tries so far. otherwise: raised after the last try, instead of
    what that raised.
    """
    for number in range(1, tries + 1):
        try:
            return await attempt()
        except on:
            if number == tries:
                if otherwise is not None:
                    raise otherwise from None
                raise
            if pause:
                await asyncio.sleep(pause(number))
    raise AssertionError("the last try returns or raises")


async def commit_new(store: Store, *writes: Write) -> list[Any]:
    """A commit that creates documents of one's own, known by what is in them.

    Where the answer to it was lost, it is repeated by the client, which then finds its own first try: that is no conflict.
    Returns the versions as `Store.commit` does, None for what was no creation then. Raises errors.Moved.
    """
    try:
        return await store.commit(*writes)
    except Moved:
        versions = [await _version_of_own(store, one) if isinstance(one, Create) else None for one in writes]
        if any(
            version is None for version, one in zip(versions, writes, strict=True) if isinstance(one, Create)
        ):
            raise
        return versions


async def _version_of_own(store: Store, write: Create) -> Any:
    """None where nothing, or something else, is there; what the commit itself adds to a document does not count."""
    found = await store.get(type(write.value), write.path)
    if found is None:
        return None
    added = {"cost": getattr(found.value, "cost")} if write.bill else {}  # noqa: B009
    return found.version if found.value == replace(cast(Any, write.value), **added) else None
