"""Faults to work through: workers that vanish at a chosen step, stores that answer late or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from warmpost.errors import Moved, Unavailable


class Fate:
    """Counts the steps of one worker and ends it at the n-th; nothing it tries afterwards happens."""

    def __init__(self, ends_at: int | None = None) -> None:
        self.ends_at = ends_at
        self.steps = 0

    @property
    def is_over(self) -> bool:
        return self.ends_at is not None and self.steps >= self.ends_at

    def step(self) -> None:
        self.steps += 1
        if self.is_over:
            raise asyncio.CancelledError


class Mortal:
    """An edge of a worker: every call is a step before it and one behind it."""

    def __init__(self, edge: Any, fate: Fate, *verbs: str) -> None:
        self._edge = edge
        self._fate = fate
        self._verbs = verbs

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._edge, name)
        if name not in self._verbs:
            return call

        async def mortal(*arguments: Any, **named: Any) -> Any:
            self._fate.step()
            answer = await call(*arguments, **named)
            self._fate.step()
            return answer

        return mortal


class MortalRelays:
    """A step before and behind each message, so that a worker can end in the middle of a claim batch."""

    def __init__(self, relays: Any, fate: Fate) -> None:
        self._relays = relays
        self._fate = fate

    def closed(self, pool: Any) -> Any:
        return self._relays.closed(pool)

    async def reach(self, pool: Any) -> Any:
        return await self._relays.reach(pool)

    async def hand_over(
        self, pool: Any, claim_batch: Any, *, stop_at: float | None = None, gates: Any = ()
    ) -> Any:
        outcomes = []
        for message in claim_batch:
            self._fate.step()
            outcomes += await self._relays.hand_over(pool, [message], stop_at=stop_at)
            self._fate.step()
        return outcomes


STORE_VERBS = ("get", "find", "fields", "count", "sums", "commit", "next_number")


def mortal_worker(harness: Any, name: str, fate: Fate) -> Any:
    store = Mortal(harness.store, fate, *STORE_VERBS)
    tasks = Mortal(harness.queue, fate, "enqueue")
    return harness.worker(name, store=store, tasks=tasks, relays=MortalRelays(harness.relays, fate))


class EndsBefore:
    """The queue of a worker that ends before it queues a task of these verbs."""

    def __init__(self, queue: Any, *verbs: str) -> None:
        self._queue = queue
        self._verbs = verbs

    async def enqueue(self, *tasks: Any) -> None:
        if any(task.verb in self._verbs for task in tasks):
            raise asyncio.CancelledError
        await self._queue.enqueue(*tasks)


class FaultyStore:
    """A store whose commits fail where `fault` says so, after they were written if `written`.

    fault: called with the writes of a commit; an exception to raise, or None.
    """

    def __init__(self, store: Any, fault: Callable[..., Exception | None], written: bool) -> None:
        self._store = store
        self._fault = fault
        self._written = written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, *writes: Any) -> Any:
        fault = self._fault(*writes)
        if fault and not self._written:
            raise fault
        answer = await self._store.commit(*writes)
        if fault:
            raise fault
        return answer


def nth(number: int, path: str, fault: Exception) -> Callable[..., Exception | None]:
    """The fault at the n-th commit that touches a path with this in it."""
    seen = 0

    def choose(*writes: Any) -> Exception | None:
        nonlocal seen
        seen += any(path in write.path for write in writes)
        return fault if seen == number and any(path in write.path for write in writes) else None

    return choose


def lost_answer() -> Exception:
    """What the client says when it repeats a write whose first try had arrived."""
    return Moved("the document changed")


def no_answer() -> Exception:
    return Unavailable("store_unavailable", "The database does not answer at the moment; try again.")
