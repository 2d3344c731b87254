"""One queue: which task is next, and whether rate and concurrency let it go."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

from infra.local.cloud_tasks.limits import seconds
from infra.local.cloud_tasks.retries import RetryPolicy

PAUSED = 2

_order = itertools.count(1)


@dataclass(slots=True, eq=False)
class Task:
    """A live task: its Task message and what the message does not hold.

    place: its valid entry in the queue's order, 0 while it runs. executions: answers below 500. previous: the last
    answer's status, 504 where none came in time, 503 where the connection broke. reason: of the retry.
    """

    id: int
    message: Any
    executions: int = 0
    previous: int | None = None
    reason: str = ""
    place: int = 0
    created: float = field(init=False)

    def __post_init__(self) -> None:
        self.created = seconds(self.message.create_time)

    @property
    def name(self) -> str:
        name: str = self.message.name
        return name

    @property
    def due(self) -> float:
        return seconds(self.message.schedule_time)


@dataclass(frozen=True, slots=True, eq=False)
class Echo:
    """A second delivery of a task's attempt, as a service that promises `at least once` may make it."""

    task: Task
    headers: dict[str, str]

    @property
    def name(self) -> str:
        return self.task.name


class TokenBucket:
    """Holds back dispatches above `rate` per second, after a burst of up to `burst`; runs on real time."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._tokens = float(burst)
        self._filled = time.monotonic()

    def fill(self) -> None:
        now = time.monotonic()
        self.elapse(now - self._filled)
        self._filled = now

    def elapse(self, seconds: float) -> None:
        self._tokens = min(self.burst, self._tokens + seconds * self.rate)

    def take(self) -> bool:
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self) -> float:
        """Seconds until `take` succeeds."""
        return max(0.0, (1 - self._tokens) / self.rate)


class Queue:
    """Tasks in order of their due time. The Queue message is completed with the service's defaults."""

    def __init__(self, message: Any) -> None:
        self.message = message
        self.tasks: dict[str, Task] = {}
        self.running: set[Task | Echo] = set()
        self.timer: asyncio.TimerHandle | None = None
        self._heap: list[tuple[float, int, Task | Echo]] = []
        self.configure()

    def configure(self) -> None:
        """Apply the message's rate limits and retry configuration, anew after each update."""
        rates, retries = self.message.rate_limits, self.message.retry_config
        rates.max_dispatches_per_second = rates.max_dispatches_per_second or 500.0
        rates.max_concurrent_dispatches = rates.max_concurrent_dispatches or 1000
        rates.max_burst_size = int(max(10, min(100, rates.max_dispatches_per_second / 5)))
        fill_retry_defaults(retries)
        self.policy = read_policy(retries)
        self.concurrent: int = rates.max_concurrent_dispatches
        self.bucket = TokenBucket(rates.max_dispatches_per_second, rates.max_burst_size)

    @property
    def name(self) -> str:
        name: str = self.message.name
        return name

    @property
    def paused(self) -> bool:
        return bool(self.message.state == PAUSED)

    @property
    def full(self) -> bool:
        return len(self.running) >= self.concurrent

    def policy_of(self, task: Task) -> RetryPolicy:
        """The task's own retry configuration, where it has one, before the queue's."""
        if not task.message.HasField("retry_config"):
            return self.policy
        return read_policy(task.message.retry_config)

    def schedule(self, task: Task) -> None:
        """Put the task in order by its schedule time, taking it from any place it had."""
        task.place = next(_order)
        heapq.heappush(self._heap, (task.due, task.place, task))

    def schedule_echo(self, echo: Echo, due: float) -> None:
        heapq.heappush(self._heap, (due, next(_order), echo))

    def discard(self, task: Task) -> None:
        self.tasks.pop(task.name, None)
        task.place = 0

    def clear(self) -> None:
        """Forget every task; what runs goes on, its outcome without effect."""
        for task in self.tasks.values():
            task.place = 0
        self.tasks.clear()
        self._heap.clear()

    def next_due(self) -> float | None:
        """When the first waiting task is due; None where none waits or the queue is paused."""
        if self.paused:
            return None
        self._drop_outdated()
        return self._heap[0][0] if self._heap else None

    def rate_wait(self) -> float:
        """Seconds until the rate limit admits a dispatch."""
        self.bucket.fill()
        return self.bucket.wait()

    def take(self, now: float) -> Task | Echo | None:
        """The next task to dispatch, if one is due and both limits admit it."""
        due = self.next_due()
        if due is None or due > now or self.full or not self.bucket.take():
            return None
        delivery = heapq.heappop(self._heap)[2]
        if isinstance(delivery, Task):
            delivery.place = 0
        return delivery

    def _drop_outdated(self) -> None:
        heap = self._heap
        while heap:
            _, place, delivery = heap[0]
            if isinstance(delivery, Echo) or delivery.place == place:
                return
            heapq.heappop(heap)

    def counts(self, now: float) -> dict[str, float | None]:
        """For people watching: tasks waiting, those of them due, running, and when the next is due."""
        waiting = [task.due for task in self.tasks.values() if task.place]
        return {
            "waiting": len(waiting),
            "due": sum(due <= now for due in waiting),
            "running": len(self.running),
            "next": min(waiting, default=None),
        }


def fill_retry_defaults(retries: Any) -> None:
    retries.max_attempts = retries.max_attempts or 100
    retries.max_doublings = retries.max_doublings or 16
    if not retries.HasField("min_backoff"):
        retries.min_backoff.nanos = 100_000_000
    if not retries.HasField("max_backoff"):
        retries.max_backoff.seconds = 3600


def read_policy(retries: Any) -> RetryPolicy:
    return RetryPolicy(
        retries.max_attempts,
        seconds(retries.max_retry_duration),
        seconds(retries.min_backoff),
        seconds(retries.max_backoff),
        retries.max_doublings,
    )
