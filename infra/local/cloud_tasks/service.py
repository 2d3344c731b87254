"""The gRPC service `google.cloud.tasks.v2.CloudTasks`, as far as this emulator speaks it."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.cloud.tasks_v2.types import cloudtasks as calls
from google.cloud.tasks_v2.types import queue as queue_types
from google.cloud.tasks_v2.types import task as task_types
from google.protobuf.empty_pb2 import Empty

from infra.local.cloud_tasks import limits
from infra.local.cloud_tasks.dispatch import USER_AGENT, Dispatcher, set_time
from infra.local.cloud_tasks.limits import Refused, seconds
from infra.local.cloud_tasks.queues import PAUSED, Queue, Task
from infra.local.cloud_tasks.registry import Registry

SERVICE = "google.cloud.tasks.v2.CloudTasks"
RUNNING = 1
FULL_VIEW = 2
DEFAULT_DEADLINE = 600

_QUEUE_PAGE = 9800
_TASK_PAGE = 1000
_Queue, _Task = queue_types.Queue.pb(), task_types.Task.pb()
_ListQueuesResponse, _ListTasksResponse = calls.ListQueuesResponse.pb(), calls.ListTasksResponse.pb()

Call = Callable[[Any], Awaitable[Any]]


class CloudTasksService:
    """One coroutine for each call: takes the request message, returns the response message or raises Refused."""

    def __init__(self, registry: Registry, dispatcher: Dispatcher) -> None:
        self._registry = registry
        self._dispatcher = dispatcher

    def _queue(self, name: str, missing: str = limits.QUEUE_NOT_FOUND) -> Queue:
        queue = self._registry.queues.get(name)
        if queue is None:
            raise limits.not_found(missing)
        return queue

    def _task(self, name: str) -> tuple[Queue, Task]:
        queue = self._registry.queues.get(name.partition("/tasks/")[0])
        task = queue.tasks.get(name) if queue else None
        if queue is None or task is None:
            ended = self._registry.ended_recently(name)
            raise limits.not_found(limits.TASK_ENDED if ended else "Requested entity was not found.")
        return queue, task

    async def create_queue(self, request: Any) -> Any:
        limits.check_queue(request.parent, request.queue)
        if request.queue.name in self._registry.queues:
            raise limits.already_exists("Queue already exists")
        message = _Queue()
        message.CopyFrom(request.queue)
        message.state = RUNNING
        message.ClearField("purge_time")
        return await self._saved(self._registry.add_queue(message))

    async def update_queue(self, request: Any) -> Any:
        parent = request.queue.name.partition("/queues/")[0]
        limits.check_queue(parent, request.queue)
        queue = self._registry.queues.get(request.queue.name)
        if queue is None:
            creation = calls.CreateQueueRequest.pb()(parent=parent, queue=request.queue)
            return await self.create_queue(creation)
        changed = _Queue()
        changed.CopyFrom(queue.message)
        if request.update_mask.paths:
            request.update_mask.MergeMessage(request.queue, changed, True, True)
        else:
            changed.rate_limits.CopyFrom(request.queue.rate_limits)
            changed.retry_config.CopyFrom(request.queue.retry_config)
        limits.check_queue(parent, changed)
        changed.state, changed.name = queue.message.state, queue.name
        queue.message = changed
        queue.configure()
        return await self._saved(queue)

    async def get_queue(self, request: Any) -> Any:
        return self._queue(request.name).message

    async def list_queues(self, request: Any) -> Any:
        prefix = f"{request.parent}/queues/"
        names = sorted(name for name in self._registry.queues if name.startswith(prefix))
        page, token = _page(names, request, _QUEUE_PAGE)
        queues = [self._registry.queues[name].message for name in page]
        return _ListQueuesResponse(queues=queues, next_page_token=token)

    async def delete_queue(self, request: Any) -> Any:
        self._registry.delete_queue(self._queue(request.name, "Requested entity was not found."))
        await self._registry.store.durable()
        return Empty()

    async def purge_queue(self, request: Any) -> Any:
        queue = self._queue(request.name)
        self._registry.purge(queue)
        set_time(queue.message.purge_time, self._registry.clock.timestamp())
        return await self._saved(queue)

    async def pause_queue(self, request: Any) -> Any:
        queue = self._queue(request.name)
        queue.message.state = PAUSED
        return await self._saved(queue)

    async def resume_queue(self, request: Any) -> Any:
        queue = self._queue(request.name)
        queue.message.state = RUNNING
        return await self._saved(queue)

    async def _saved(self, queue: Queue) -> Any:
        self._registry.save_queue(queue)
        self._dispatcher.pump(queue)
        await self._registry.store.durable()
        return queue.message

    async def create_task(self, request: Any) -> Any:
        queue, message, now = self._queue(request.parent), request.task, self._registry.clock.timestamp()
        limits.check_task(queue.name, message, now)
        if not message.name:
            message.name = f"{queue.name}/tasks/{random.getrandbits(63)}"
        elif message.name in queue.tasks:
            self._registry.store.repeated += 1
            raise limits.already_exists("Requested entity already exists")
        elif self._registry.ended_recently(message.name):
            self._registry.store.repeated += 1
            raise limits.already_exists(limits.NAME_USED)
        _complete(message, queue, now)
        task = await self._registry.add_task(queue, message)
        response = _view(task, request.response_view)
        self._dispatcher.pump(queue)
        return response

    async def get_task(self, request: Any) -> Any:
        return _view(self._task(request.name)[1], request.response_view)

    async def list_tasks(self, request: Any) -> Any:
        queue = self._queue(request.parent)
        page, token = _page(sorted(queue.tasks), request, _TASK_PAGE)
        tasks = [_view(queue.tasks[name], request.response_view) for name in page]
        return _ListTasksResponse(tasks=tasks, next_page_token=token)

    async def delete_task(self, request: Any) -> Any:
        queue, task = self._task(request.name)
        self._registry.end_task(queue, task)
        self._dispatcher.pump(queue)
        await self._registry.store.durable()
        return Empty()

    async def run_task(self, request: Any) -> Any:
        queue, task = self._task(request.name)
        self._dispatcher.run_now(queue, task)
        return _view(task, request.response_view)


def _complete(message: Any, queue: Queue, now: float) -> None:
    """Fill in what the service sets on a new task."""
    for output in ("dispatch_count", "response_count", "first_attempt", "last_attempt", "view"):
        message.ClearField(output)
    set_time(message.create_time, now)
    if not message.HasField("schedule_time") or seconds(message.schedule_time) < now:
        set_time(message.schedule_time, now)
    if not message.HasField("dispatch_deadline"):
        message.dispatch_deadline.seconds = DEFAULT_DEADLINE
    if message.HasField("retry_config"):
        own = type(message.retry_config)()
        own.CopyFrom(message.retry_config)
        message.retry_config.CopyFrom(queue.message.retry_config)
        message.retry_config.MergeFrom(own)
    request = message.http_request
    request.http_method = request.http_method or 1
    request.headers["User-Agent"] = USER_AGENT


def _view(task: Task, view: int) -> Any:
    """A copy of the Task message, without its body unless the full view is asked for."""
    message = _Task()
    message.CopyFrom(task.message)
    message.view = FULL_VIEW if view == FULL_VIEW else 1
    if view != FULL_VIEW:
        message.http_request.ClearField("body")
    return message


def _page(names: list[str], request: Any, largest: int) -> tuple[list[str], str]:
    """The names after the page token, and the token of the next page, empty on the last one."""
    start = bisect_right(names, request.page_token) if request.page_token else 0
    end = start + min(request.page_size or largest, largest)
    return names[start:end], names[end - 1] if end < len(names) else ""


def _handler(call: Call, request_type: Any) -> Any:
    async def answer(request: Any, context: Any) -> Any:
        try:
            return await call(request)
        except Refused as refused:
            await context.abort(refused.code, refused.message)

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=request_type.pb().FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


def new_server(service: CloudTasksService) -> Any:
    """A grpc.aio server that speaks the service, not yet bound to a port."""
    requests = {
        "CreateQueue": (service.create_queue, calls.CreateQueueRequest),
        "UpdateQueue": (service.update_queue, calls.UpdateQueueRequest),
        "GetQueue": (service.get_queue, calls.GetQueueRequest),
        "ListQueues": (service.list_queues, calls.ListQueuesRequest),
        "DeleteQueue": (service.delete_queue, calls.DeleteQueueRequest),
        "PurgeQueue": (service.purge_queue, calls.PurgeQueueRequest),
        "PauseQueue": (service.pause_queue, calls.PauseQueueRequest),
        "ResumeQueue": (service.resume_queue, calls.ResumeQueueRequest),
        "CreateTask": (service.create_task, calls.CreateTaskRequest),
        "GetTask": (service.get_task, calls.GetTaskRequest),
        "ListTasks": (service.list_tasks, calls.ListTasksRequest),
        "DeleteTask": (service.delete_task, calls.DeleteTaskRequest),
        "RunTask": (service.run_task, calls.RunTaskRequest),
    }
    handlers = {name: _handler(call, request) for name, (call, request) in requests.items()}
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    return server
