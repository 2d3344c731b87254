"""What Firestore is asked once more, and for how long: one policy for every read and every commit.

The client's own repeats are switched off: it repeats a commit that adds to counters as it repeats any other, so that
lost answers count twice. ABORTED and RESOURCE_EXHAUSTED say that nothing was applied, so they are always repeated.
After UNAVAILABLE, UNKNOWN, CANCELLED and INTERNAL a commit may have been applied or not: reads are repeated, and
commits that hold once however often they come, because they name a version or an absence, or write whole documents.
Others end as errors.Unavailable, and whoever decided on them decides anew. Whoever repeats a commit that was applied
sees errors.Moved and reads what is there.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, repeat
from typing import TypeVar

from google.api_core import exceptions as google

from warmpost.errors import Unavailable
from warmpost.rules.model.writes import Add, Count, Create, Delete, Update, Write

T = TypeVar("T")

PAUSES = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
"""Seconds between two tries, each half as long to half as long again; the last one repeats while there is time."""

NOT_APPLIED = (google.Aborted, google.ResourceExhausted)
PERHAPS_APPLIED = (google.ServiceUnavailable, google.InternalServerError, google.Unknown, google.Cancelled)


async def repeated(act: Callable[[], Awaitable[T]], seconds: float, safe: bool = True) -> T:
    """What `act` answers. seconds: for all tries together. safe: it may be applied twice.

    Raises errors.Unavailable where the database cannot answer, or not in that time; what else `act` raises.
    """
    try:
        async with asyncio.timeout(seconds):
            for pause in chain(PAUSES, repeat(PAUSES[-1])):
                try:
                    return await act()
                except NOT_APPLIED:
                    pass
                except PERHAPS_APPLIED:
                    if not safe:
                        raise
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (no secret)
    except (TimeoutError, google.DeadlineExceeded, *NOT_APPLIED, *PERHAPS_APPLIED) as error:
        raise Unavailable(
            "store_unavailable", "The database does not answer at the moment; try again.", retry_after=5
        ) from error
    raise AssertionError("the last try returns or raises")


def holds_once(writes: Sequence[Write]) -> bool:
    """Whether a commit that comes twice is refused as a whole the second time, or leaves the same."""
    guarded = any(
        isinstance(one, Create) or (isinstance(one, Update | Delete) and one.version is not None)
        for one in writes
    )
    return guarded or not any(map(_adds, writes))


def _adds(write: Write) -> bool:
    if isinstance(write, Update):
        return bool(write.bill) or any(isinstance(one, Add) for one in write.changes.values())
    return isinstance(write, Count)
