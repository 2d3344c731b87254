"""Once a day: runs that have come near are queued, lost tasks are made anew."""

import asyncio
from datetime import timedelta

from tests.actions.schedule_harness import at
from warmpost.actions.schedules.control_schedule import end_schedule, pause_schedule
from warmpost.actions.schedules.enqueue_due import AT_ONCE, enqueue_due
from warmpost.rules.schedules.schedules import OVERDUE_AFTER

RUN = "2027-01-02T08:00:00Z"
DAY = timedelta(days=1)


async def enqueued(planner, moment):
    planner.clock.move_to(moment)
    return await enqueue_due(planner.services, moment)


async def test_a_run_is_queued_twenty_nine_days_ahead_and_once(planner):
    await planner.plan(RUN)
    near = at("2027-01-02T08:00") - timedelta(days=29)
    assert await enqueued(planner, near - timedelta(seconds=1)) == 0
    assert await enqueued(planner, near) == 1
    assert await enqueued(planner, near + DAY) == 0
    assert [task.at for task in planner.triggers()] == [at("2027-01-02T08:00")]


async def test_a_run_whose_task_was_lost_gets_another(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z")
    planner.lose_tasks()
    assert await enqueued(planner, at("2026-11-24T08:00") + OVERDUE_AFTER - timedelta(seconds=1)) == 0
    assert await enqueued(planner, at("2026-11-24T08:00") + OVERDUE_AFTER) == 1
    await planner.pass_until(at("2026-11-24T09:00"), daily=False)
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]


async def test_a_task_lost_again_is_made_again(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z")
    for day in range(3):
        planner.lose_tasks()
        assert await enqueued(planner, at("2026-11-24T09:00") + day * DAY) == 1
    assert len(planner.triggers()) == 1
    await planner.pass_until(at("2026-11-27T00:00"), times=2)
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]


async def test_a_task_that_was_late_and_not_lost_fires_nothing_twice(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=24)
    await enqueued(planner, at("2026-11-24T09:00"))
    assert len(planner.triggers()) == 2
    await planner.pass_until(at("2026-11-24T10:00"))
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]
    assert [task.at for task in planner.triggers()] == [at("2026-11-25T08:00")]


async def test_arming_that_comes_too_late_fires_what_is_overdue(planner):
    schedule = await planner.plan(RUN)
    await enqueued(planner, at("2027-02-01T00:00"))
    await planner.pass_until(at("2027-02-01T01:00"), daily=False)
    assert await planner.history(schedule) == ["submitted 01-02 08:00"]


async def test_paused_and_ended_schedules_are_let_alone(planner):
    await pause_schedule(planner.services, await planner.plan(RUN))
    await end_schedule(planner.services, await planner.plan(RUN))
    assert await enqueued(planner, at("2027-02-01T00:00")) == 0
    assert planner.queue.made == []


async def test_more_schedules_than_fit_a_page_are_all_armed_though_due_at_the_same_time(planner):
    number = AT_ONCE + 5
    for start in range(0, number, 15):
        await asyncio.gather(*(planner.plan(RUN) for _ in range(start, start + 15)))
    assert await enqueued(planner, at("2026-12-05T00:00")) == number
    assert len(planner.triggers()) == number


async def test_arming_side_by_side_queues_every_run_once(planner):
    await asyncio.gather(*(planner.plan(RUN) for _ in range(5)))
    planner.clock.move_to(at("2026-12-05T00:00"))
    await asyncio.gather(*(enqueue_due(planner.services, planner.clock.now()) for _ in range(3)))
    assert len(planner.triggers()) == 5
