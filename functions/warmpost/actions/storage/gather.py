"""Many small waits at once, but not all: a database answers twenty questions as fast as one, and a thousand slower."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

MOST = 20


async def gather_limited(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Results in order. The first error is raised once all that began have ended."""
    free = asyncio.Semaphore(MOST)

    async def one(coroutine: Coroutine[Any, Any, T]) -> T:
        async with free:
            return await coroutine

    results = await asyncio.gather(*map(one, work), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
