"""Schedules in a harness: days pass, tasks come due, and what ran can be looked at. Nothing is delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.actions.harness import Harness, a_request, batch_order, perform
from warmpost.actions.context import Services
from warmpost.actions.schedules.create_schedule import Timetable, create_schedule
from warmpost.actions.schedules.enqueue_due import enqueue_due
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.templates.manage_templates import Draft, create_template
from warmpost.adapters import recurrence
from warmpost.errors import Unavailable
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Stored
from warmpost.rules.requests.requests import BatchOrder, SendOrder
from warmpost.rules.schedules.schedules import Schedule, ScheduleRun

FURTHEST = timedelta(days=30)
DAY = timedelta(days=1)


class Farsighted:
    """The queue, which takes no task more than 30 days ahead."""

    def __init__(self, harness: Harness) -> None:
        self._workshop = harness

    async def enqueue(self, *tasks: Task) -> None:
        for task in tasks:
            assert task.at is None or task.at - self._workshop.clock.now() <= FURTHEST
        await self._workshop.queue.enqueue(*tasks)


class Crash(BaseException):
    """The process is gone: no handler sees it coming."""


@dataclass
class Fuse:
    """Burns with every write and every task of one worker; at 0 the worker crashes, before or after that step."""

    left: int
    after: bool

    async def step(self, act: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Crash
        result = await act()
        if self.left == 0:
            raise Crash
        return result

    @property
    def burnt(self) -> bool:
        return self.left <= 0


class Fused:
    """A store or queue whose changes burn a fuse."""

    def __init__(self, real: Any, fuse: Fuse) -> None:
        self._real = real
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name not in ("commit", "enqueue", "next_number"):
            return real
        return lambda *arguments: self._fuse.step(lambda: real(*arguments))


class Planner:
    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.store = harness.store
        self.clock = harness.clock
        self.queue = harness.queue
        self.services = self.worker("one")

    def worker(self, name: str) -> Services:
        return self.harness.worker(name, tasks=Farsighted(self.harness), recurrence=recurrence)

    def doomed(self, fuse: Fuse) -> Services:
        return self.harness.worker(
            "doomed",
            Fused(self.store, fuse),
            tasks=Fused(Farsighted(self.harness), fuse),
            recurrence=recurrence,
        )

    async def plan(
        self,
        start_at: str,
        order: SendOrder | BatchOrder | None = None,
        *,
        services: Services | None = None,
        name: str = "",
        key: str = "",
        **timetable: Any,
    ) -> str:
        """A schedule of a batch to one recipient, or of `order`; its id."""
        made = await create_schedule(
            services or self.services,
            order or batch_order(1),
            Timetable(start_at, **timetable),
            name,
            a_request(key),
        )
        return made.id

    async def template(self, text: str) -> str:
        """Its id; the number 1 is the harness's own."""
        await self.store.next_number("templates")
        made = await create_template(self.services, Draft("news", "Hello", "", text))
        return made.id

    def triggers(self) -> list[Task]:
        return sorted(
            (task for task in self.queue.waiting if task.verb == "trigger"), key=lambda task: self._time(task)
        )

    def _time(self, task: Task) -> datetime:
        return task.at or self.clock.now()

    async def pass_until(self, moment: datetime, times: int = 1, daily: bool = True) -> None:
        """Trigger tasks run at their times, each by `times` workers at once; once a day due schedules are enqueued."""
        next_day = self.clock.now() + DAY
        while True:
            waiting = self.triggers()
            if daily and next_day <= min([moment, *map(self._time, waiting)]):
                self.clock.move_to(next_day)
                await enqueue_due(self.services, self.clock.now())
                next_day += DAY
            elif waiting and self._time(waiting[0]) <= moment:
                await self.trigger(waiting[0], times)
            else:
                self.clock.move_to(moment)
                return

    async def trigger(self, task: Task, times: int = 1) -> None:
        """Until every delivery of it has been answered."""
        self.clock.move_to(self._time(task))
        workers = [self.worker(f"w{number}") for number in range(times)]
        await asyncio.gather(*(_delivered(worker, task) for worker in workers))
        self.queue.waiting.remove(task)

    def lose_tasks(self) -> None:
        self.queue.waiting.clear()

    async def schedule(self, schedule_id: str) -> Schedule:
        found: Stored[Schedule] | None = await self.store.get(Schedule, f"schedules/{schedule_id}")
        assert found is not None
        return found.value

    async def runs(self, schedule_id: str) -> list[ScheduleRun]:
        """The earliest first."""
        found = await self.store.find(ScheduleRun, f"schedules/{schedule_id}/runs", order_by="run")
        return [one.value for one in found]

    async def batches(self, schedule_id: str) -> dict[str, Batch]:
        found = await self.store.find(Batch, "batches", ("schedule", "==", schedule_id))
        return {one.id: one.value for one in found}

    async def history(self, schedule_id: str) -> list[str]:
        """`submitted 11-23 13:00` … in UTC; fails where a run and its batch do not name each other."""
        runs = await self.runs(schedule_id)
        batches = await self.batches(schedule_id)
        assert {one.batch for one in runs if one.batch} == set(batches)
        for one in runs:
            assert not one.batch or batches[one.batch].run == one.run
        return [f"{one.status} {one.run:%m-%d %H:%M}" for one in runs]


async def _delivered(worker: Services, task: Task) -> None:
    for _ in range(5):
        try:
            return await perform(worker, task)
        except Unavailable:
            continue
        except NotStoredYetError:  # `work` drops it after a while
            return None
    raise AssertionError(f"{task} is not answered")


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
