"""The loop that delivers what is due, and what each answer means for its task."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import grpc

from infra.local.clock import MovableClock
from infra.local.cloud_tasks.http_request import Answer, Courier
from infra.local.cloud_tasks.limits import seconds
from infra.local.cloud_tasks.queues import Echo, Queue, Task
from infra.local.cloud_tasks.registry import Registry

USER_AGENT = "Google-Cloud-Tasks"

_METHODS = ("POST", "POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS")  # by number in HttpMethod
_REPLACED_HEADERS = ("host", "content-length", "user-agent", "x-google-", "x-appengine-", "x-cloudtasks-")
_RATE_TICK = 0.004
_LONGEST_TIMER = 3600.0
_STATUS_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def set_time(field: Any, moment: float) -> None:
    """Write seconds since 1970 into a Timestamp, to the microsecond."""
    field.seconds, microseconds = divmod(round(moment * 1e6), 1_000_000)
    field.nanos = microseconds * 1000


class Dispatcher:
    """Delivers the registry's tasks, each at least once.

    duplicate_rate: share of tasks whose first attempt is delivered twice. changed: set after whatever may have
    made work or finished some. ran: deliveries begun by this process.
    """

    def __init__(
        self, registry: Registry, courier: Courier, changed: asyncio.Event, duplicate_rate: float = 0.0
    ) -> None:
        self.ran = 0
        self._registry = registry
        self._clock: MovableClock = registry.clock
        self._courier = courier
        self._changed = changed
        self._duplicate_rate = duplicate_rate
        self._attempts: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self) -> None:
        """Deliver what fell due while nothing ran."""
        for queue in self._registry.queues.values():
            self.pump(queue)

    async def close(self) -> None:
        """Break off what runs; it is delivered again after the next start."""
        self._closing = True
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)

    def pump(self, queue: Queue) -> None:
        """Deliver what the queue admits now, and come back when it admits more."""
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
        if self._closing:
            return
        queue.bucket.fill()
        now = self._clock.timestamp()
        while (delivery := queue.take(now)) is not None:
            self._launch(queue, delivery)
        due = queue.next_due()
        if due is not None and not queue.full:
            wait = due - now if due > now else max(_RATE_TICK, queue.bucket.wait())
            loop = asyncio.get_running_loop()
            queue.timer = loop.call_later(min(wait, _LONGEST_TIMER), self.pump, queue)
        self._changed.set()

    def run_now(self, queue: Queue, task: Task) -> None:
        """Deliver a waiting task whatever its schedule, the limits and the state of its queue say."""
        if task.place:
            task.place = 0
            set_time(task.message.schedule_time, self._clock.timestamp())
            self._launch(queue, task)

    def _launch(self, queue: Queue, delivery: Task | Echo) -> None:
        queue.running.add(delivery)
        self.ran += 1
        self._registry.store.dispatched += 1
        attempt = self._repeat(delivery) if isinstance(delivery, Echo) else self._attempt(queue, delivery)
        running = asyncio.get_running_loop().create_task(self._run(queue, delivery, attempt))
        self._attempts.add(running)
        running.add_done_callback(self._attempts.discard)

    async def _run(self, queue: Queue, delivery: Task | Echo, attempt: Any) -> None:
        try:
            await attempt
        finally:
            queue.running.discard(delivery)
            self.pump(queue)

    async def _repeat(self, echo: Echo) -> None:
        await self._deliver(echo.task, echo.headers)

    async def _attempt(self, queue: Queue, task: Task) -> None:
        headers = self._headers(queue, task)
        self._record_dispatch(queue, task, headers)
        answer = await self._deliver(task, headers)
        if queue.tasks.get(task.name) is task:
            self._conclude(queue, task, answer)

    async def _deliver(self, task: Task, headers: dict[str, str]) -> Answer:
        request = task.message.http_request
        deadline = seconds(task.message.dispatch_deadline)
        method = _METHODS[request.http_method]
        return await self._courier.deliver(method, request.url, headers, request.body, deadline)

    def _record_dispatch(self, queue: Queue, task: Task, headers: dict[str, str]) -> None:
        message, now = task.message, self._clock.timestamp()
        message.dispatch_count += 1
        message.last_attempt.Clear()
        message.last_attempt.schedule_time.CopyFrom(message.schedule_time)
        set_time(message.last_attempt.dispatch_time, now)
        if message.dispatch_count == 1:
            message.first_attempt.dispatch_time.CopyFrom(message.last_attempt.dispatch_time)
            if random.random() < self._duplicate_rate:  # noqa: S311
                delay = random.choice((0.0, random.random()))  # noqa: S311
                queue.schedule_echo(Echo(task, headers), now + delay)
                self.pump(queue)

    def _headers(self, queue: Queue, task: Task) -> dict[str, str]:
        message = task.message
        request = message.http_request
        headers = {
            name: value
            for name, value in request.headers.items()
            if not name.lower().startswith(_REPLACED_HEADERS)
        }
        headers["User-Agent"] = USER_AGENT
        headers["X-CloudTasks-QueueName"] = queue.name.rpartition("/")[2]
        headers["X-CloudTasks-TaskName"] = task.name.rpartition("/")[2]
        headers["X-CloudTasks-TaskRetryCount"] = str(message.dispatch_count)
        headers["X-CloudTasks-TaskExecutionCount"] = str(task.executions)
        headers["X-CloudTasks-TaskETA"] = f"{task.due:.6f}"
        if task.previous is not None:
            headers["X-CloudTasks-TaskPreviousResponse"] = str(task.previous)
            headers["X-CloudTasks-TaskRetryReason"] = task.reason
        if request.HasField("oidc_token"):
            token = request.oidc_token
            headers["Authorization"] = self._courier.authorization(
                token.service_account_email, token.audience or request.url
            )
        return headers

    def _conclude(self, queue: Queue, task: Task, answer: Answer) -> None:
        message, now = task.message, self._clock.timestamp()
        attempts, policy = message.dispatch_count, queue.policy_of(task)
        first = seconds(message.first_attempt.dispatch_time)
        if answer.acknowledged or policy.gives_up(attempts, first, task.created, now):
            self._registry.end_task(queue, task)
            return
        if answer.answered:
            message.response_count += 1
            set_time(message.last_attempt.response_time, now)
        code = _STATUS_CODES.get(answer.status, grpc.StatusCode.UNKNOWN)
        number = code.value[0]
        message.last_attempt.response_status.code = number
        message.last_attempt.response_status.message = (
            f"{code.name}({number}): HTTP status code {answer.status}"
        )
        task.executions += answer.answered and answer.status < 500
        task.previous, task.reason = answer.status, answer.reason
        set_time(message.schedule_time, now + policy.interval(attempts))
        self._registry.save_attempt(task)
        queue.schedule(task)

    def elapse(self, jumped: float) -> None:
        """Follow a jump of the clock by that many seconds."""
        for queue in self._registry.queues.values():
            queue.bucket.elapse(jumped)
            self.pump(queue)

    def next_due(self) -> float | None:
        """The earliest moment at which a waiting task is due, paused queues left out."""
        dues = (queue.next_due() for queue in self._registry.queues.values())
        return min((due for due in dues if due is not None), default=None)

    def next_admitted(self, now: float) -> float | None:
        """The earliest moment at which a task is both due and within its queue's rate."""
        queues = self._registry.queues.values()
        waits = ((queue.next_due(), queue.rate_wait()) for queue in queues)
        return min((max(due, now + wait) for due, wait in waits if due is not None), default=None)

    def running(self) -> list[str]:
        """The names of tasks that run, one for each delivery."""
        queues = self._registry.queues.values()
        return [delivery.name for queue in queues for delivery in queue.running]

    def waiting(self, now: float) -> int:
        """Tasks that are due and not yet dispatched, paused queues left out."""
        queues = (queue for queue in self._registry.queues.values() if not queue.paused)
        return sum(int(queue.counts(now)["due"] or 0) for queue in queues)
