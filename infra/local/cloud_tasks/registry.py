"""The queues and tasks that exist, each change on its way into the store."""

from __future__ import annotations

from collections import deque
from typing import Any

from google.cloud.tasks_v2.types import queue as queue_types
from google.cloud.tasks_v2.types import task as task_types

from infra.local.clock import MovableClock
from infra.local.cloud_tasks.queues import Queue, Task
from infra.local.cloud_tasks.store import Store

TOMBSTONE = 3600.0


class Registry:
    """Holds everything in memory as the store will load it again; knows nothing of dispatching."""

    def __init__(self, store: Store, clock: MovableClock) -> None:
        self.store = store
        self.clock = clock
        self.queues: dict[str, Queue] = {}
        self._ended: dict[str, tuple[int, float]] = {}
        self._endings: deque[str] = deque()
        self._load()

    def _load(self) -> None:
        for stored_queue in self.store.queues():
            queue = Queue(queue_types.Queue.pb().FromString(stored_queue))
            self.queues[queue.name] = queue
        for stored in self.store.tasks():
            message = task_types.Task.pb().FromString(stored.task)
            task = Task(stored.id, message, stored.executions, stored.previous, stored.reason)
            queue = self.queues[stored.queue]
            queue.tasks[task.name] = task
            queue.schedule(task)
        for id, name, ended in self.store.tombstones():
            self._ended[name] = id, ended
            self._endings.append(name)

    def add_queue(self, message: Any) -> Queue:
        """A queue that is still to be saved."""
        queue = self.queues[message.name] = Queue(message)
        return queue

    def save_queue(self, queue: Queue) -> None:
        self.store.save_queue(queue.name, queue.message.SerializeToString())

    def delete_queue(self, queue: Queue) -> None:
        self.purge(queue)
        del self.queues[queue.name]
        self.store.delete_queue(queue.name)

    def purge(self, queue: Queue) -> None:
        """Forget the queue's tasks, leaving a tombstone of each."""
        for task in queue.tasks.values():
            self._bury(task)
        queue.clear()

    async def add_task(self, queue: Queue, message: Any) -> Task:
        """Return once the task outlives this process; only then it takes its place in the queue's order."""
        id = self.store.add_task(message.name, queue.name, message.SerializeToString())
        task = queue.tasks[message.name] = Task(id, message)
        await self.store.durable()
        if queue.tasks.get(task.name) is task:
            queue.schedule(task)
        return task

    def save_attempt(self, task: Task) -> None:
        message = task.message.SerializeToString()
        self.store.save_attempt(task.id, message, task.executions, task.previous, task.reason)

    def end_task(self, queue: Queue, task: Task) -> None:
        """Forget a task that is done, given up or deleted, leaving a tombstone."""
        self._bury(task)
        queue.discard(task)

    def ended_recently(self, name: str) -> bool:
        """Whether a task of that name ended within the last hour; its name is refused until then."""
        self._forget_old()
        return name in self._ended

    def reset(self) -> None:
        for queue in self.queues.values():
            queue.clear()
        self.queues.clear()
        self._ended.clear()
        self._endings.clear()
        self.store.clear()

    def _bury(self, task: Task) -> None:
        now = self.clock.timestamp()
        self._ended[task.name] = task.id, now
        self._endings.append(task.name)
        self.store.end_task(task.id, now)
        self._forget_old()

    def _forget_old(self) -> None:
        now = self.clock.timestamp()
        while self._endings:
            name = self._endings[0]
            id, ended = self._ended[name]
            if now - ended < TOMBSTONE:
                return
            self._endings.popleft()
            del self._ended[name]
            self.store.forget(id)
