"""Optimistic writes: read, decide, commit upon the version that was read; once more where something came between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from warmpost.errors import Moved, Problem

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
