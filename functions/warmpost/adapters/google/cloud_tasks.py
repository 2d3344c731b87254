"""Tasks through the stock asynchronous Cloud Tasks client."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime
from typing import Any

import msgspec
from google.api_core import exceptions as google

from warmpost.adapters.google.metering import Metering
from warmpost.errors import Unavailable
from warmpost.rules.model.tasks import Queue, Task
from warmpost.rules.model.usage import Usage, task_operations
from warmpost.rules.operations.health import QueueState

AT_ONCE = 50
MOST_LOOKED_AT = 1000
MOST_REMEMBERED = 5000
"""Names; they are used up for much longer than a process needs to use so many."""

TIMEOUT = 10.0
DISPATCH_DEADLINE = 600
BUSY = (
    google.ServerError,
    google.RetryError,
    google.ResourceExhausted,
    google.Aborted,
    google.Cancelled,
)


class CloudTasks:
    """Implements `actions.ports.Tasks`.

    The library is imported and its channel opened with the first task: readers' doors never need it.
    A name that this process has queued lately is not queued again: most names stand for a second of many changes.
    metering: told of every call, also of one for a name that another process has used.
    """

    def __init__(
        self,
        project: str,
        location: str,
        base_url: str,
        invoker: str,
        emulator: str = "",
        metering: Metering | None = None,
    ) -> None:
        self._parent = f"projects/{project}/locations/{location}/queues"
        self._url = f"{base_url}/work"
        self._invoker = invoker
        self._emulator = emulator
        self._metering = metering or Metering()
        self._opened: Any = None
        self._queued: OrderedDict[str, None] = OrderedDict()

    @property
    def _client(self) -> Any:
        if self._opened is None:
            from google.cloud import tasks_v2

            if self._emulator:
                import grpc
                from google.cloud.tasks_v2.services.cloud_tasks.transports import (
                    CloudTasksGrpcAsyncIOTransport,
                )

                channel = grpc.aio.insecure_channel(self._emulator)
                self._opened = tasks_v2.CloudTasksAsyncClient(
                    transport=CloudTasksGrpcAsyncIOTransport(channel=channel)
                )
            else:
                self._opened = tasks_v2.CloudTasksAsyncClient()
        return self._opened

    async def enqueue(self, *tasks: Task) -> None:
        new = [task for task in tasks if task.name not in self._queued]
        for start in range(0, len(new), AT_ONCE):
            await asyncio.gather(*(self._create(task) for task in new[start : start + AT_ONCE]))

    async def state(self, name: Queue, now: datetime) -> QueueState:
        """One look at a queue: whether it is paused, and its first tasks. Raises errors.Unavailable."""
        queue = f"{self._parent}/{name}"
        try:
            known = await self._client.get_queue(name=queue, timeout=TIMEOUT)
            request = {"parent": queue, "page_size": MOST_LOOKED_AT}
            pages = await self._client.list_tasks(request=request, timeout=TIMEOUT)
            page = await anext(pages.pages)
        except google.GoogleAPICallError as error:
            raise Unavailable("queue_unavailable", f"{error.code} {error.message}") from error
        times = [task.schedule_time for task in page.tasks if task.schedule_time <= now]
        return QueueState(
            name=name,
            paused=known.state.name == "PAUSED",
            tasks=len(page.tasks),
            due=len(times),
            capped=bool(page.next_page_token),
            oldest_due=min(times, default=None),
        )

    async def _create(self, task: Task) -> None:
        queue, wanted = f"{self._parent}/{task.queue}", self._wanted(task)
        try:
            await self._client.create_task(parent=queue, task=wanted, timeout=TIMEOUT)
        except google.AlreadyExists:
            pass
        except BUSY as error:
            raise Unavailable(
                "queue_unavailable", "The task queue does not answer; try again.", retry_after=5
            ) from error
        self._metering.add(Usage(tasks=task_operations(len(wanted["http_request"]["body"]))))
        self._remember(task.name)

    def _wanted(self, task: Task) -> dict[str, Any]:
        from google.protobuf import duration_pb2, timestamp_pb2

        request: dict[str, Any] = {
            "http_method": "POST",
            "url": f"{self._url}/{task.verb}",
            "headers": {"Content-Type": "application/json"},
            "body": msgspec.json.encode(task.body),
            "oidc_token": {"service_account_email": self._invoker, "audience": self._url},
        }
        wanted: dict[str, Any] = {
            "http_request": request,
            "dispatch_deadline": duration_pb2.Duration(seconds=DISPATCH_DEADLINE),
        }
        if task.name:
            wanted["name"] = f"{self._parent}/{task.queue}/tasks/{task.name}"
        if task.at is not None:
            moment = timestamp_pb2.Timestamp()
            moment.FromDatetime(task.at)
            wanted["schedule_time"] = moment
        return wanted

    def _remember(self, name: str) -> None:
        if name:
            self._queued[name] = None
        if len(self._queued) > MOST_REMEMBERED:
            self._queued.popitem(last=False)
