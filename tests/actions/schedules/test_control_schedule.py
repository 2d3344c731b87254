"""Pause, resume and end, and what becomes of the runs around them."""

import asyncio

import pytest

from tests.actions.schedule_harness import at
from warmpost.actions.schedules.control_schedule import end_schedule, pause_schedule, resume_schedule
from warmpost.errors import Conflict, NotFound

FUTURE = "2026-11-24T08:00:00Z"


async def test_a_paused_schedule_runs_nothing_and_waits_for_nothing(planner):
    schedule = await planner.plan(FUTURE, every=24)
    await pause_schedule(planner.services, schedule)
    await planner.pass_until(at("2026-11-28T00:00"))
    value = await planner.schedule(schedule)
    assert (value.state, value.next_run, value.check_at) == ("paused", None, None)
    assert await planner.history(schedule) == []


async def test_resuming_goes_on_from_now_and_shows_what_was_skipped(planner):
    schedule = await planner.plan(FUTURE, every=24)
    await planner.pass_until(at("2026-11-24T12:00"))
    await pause_schedule(planner.services, schedule)
    await planner.pass_until(at("2026-11-27T08:00"))
    after = await resume_schedule(planner.services, schedule)
    assert after.value.next_run == at("2026-11-28T08:00")
    await planner.pass_until(at("2026-11-28T12:00"), times=2)
    assert await planner.history(schedule) == [
        "submitted 11-24 08:00",
        "skipped 11-25 08:00",
        "skipped 11-26 08:00",
        "skipped 11-27 08:00",
        "submitted 11-28 08:00",
    ]
    value = await planner.schedule(schedule)
    assert value.counts == {"submitted": 2, "skipped": 3}
    assert {run.code for run in await planner.runs(schedule) if run.status == "skipped"} == {"paused"}


async def test_resuming_before_the_next_run_skips_nothing(planner):
    schedule = await planner.plan(FUTURE, every=24)
    for _ in range(3):
        await pause_schedule(planner.services, schedule)
        await resume_schedule(planner.services, schedule)
    await planner.pass_until(at("2026-11-25T07:00"))
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]


async def test_a_schedule_whose_last_run_passed_while_it_was_paused_ends_when_resumed(planner):
    schedule = await planner.plan(FUTURE)
    await pause_schedule(planner.services, schedule)
    planner.clock.move_to(at("2026-11-25T00:00"))
    after = await resume_schedule(planner.services, schedule)
    assert (after.value.state, after.value.ended_at) == ("ended", at("2026-11-25T00:00"))
    assert await planner.history(schedule) == ["skipped 11-24 08:00"]


async def test_pausing_and_resuming_twice_is_doing_it_once(planner):
    schedule = await planner.plan(FUTURE, every=24)
    first = await pause_schedule(planner.services, schedule)
    assert await pause_schedule(planner.services, schedule) == first
    first = await resume_schedule(planner.services, schedule)
    assert await resume_schedule(planner.services, schedule) == first


async def test_an_ended_schedule_keeps_its_history_and_runs_no_more(planner):
    schedule = await planner.plan(FUTURE, every=24)
    await planner.pass_until(at("2026-11-24T12:00"))
    ended = await end_schedule(planner.services, schedule)
    await planner.pass_until(at("2026-11-28T00:00"))
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]
    assert await end_schedule(planner.services, schedule) == ended
    assert (ended.value.state, ended.value.ended_at) == ("ended", at("2026-11-24T12:00"))


@pytest.mark.parametrize("verb", [pause_schedule, resume_schedule])
async def test_an_ended_schedule_cannot_be_paused_or_resumed(planner, verb):
    schedule = await planner.plan(FUTURE)
    await end_schedule(planner.services, schedule)
    with pytest.raises(Conflict) as refused:
        await verb(planner.services, schedule)
    assert refused.value.code == "schedule_ended"


@pytest.mark.parametrize("verb", [pause_schedule, resume_schedule, end_schedule])
@pytest.mark.parametrize("name", ["7", "0", "x", "²", "9" * 400, "1/parts/0"])
async def test_a_schedule_that_is_not_there_is_not_found(planner, verb, name):
    with pytest.raises(NotFound):
        await verb(planner.services, name)


@pytest.mark.parametrize("verb", [pause_schedule, end_schedule])
async def test_a_run_and_its_end_side_by_side_leave_one_of_two_clear_states(planner, verb):
    schedule = await planner.plan(FUTURE, every=24)
    (task,) = planner.triggers()
    planner.clock.move_to(at("2026-11-24T08:00"))
    await asyncio.gather(planner.trigger(task, times=2), verb(planner.worker("other"), schedule))
    await planner.pass_until(at("2026-11-27T00:00"))
    assert await planner.history(schedule) in ([], ["submitted 11-24 08:00"])
    value = await planner.schedule(schedule)
    assert (value.next_run, value.starting) == (None, ())


async def test_what_everything_being_down_and_a_pause_let_pass_is_skipped(planner):
    schedule = await planner.plan(FUTURE, every=1)
    planner.clock.move_to(at("2026-11-24T09:30"))
    await pause_schedule(planner.services, schedule)
    planner.clock.move_to(at("2026-11-24T10:30"))
    await resume_schedule(planner.services, schedule)
    await planner.pass_until(at("2026-11-24T11:00"))
    assert await planner.history(schedule) == [
        "skipped 11-24 08:00",
        "skipped 11-24 09:00",
        "skipped 11-24 10:00",
        "submitted 11-24 11:00",
    ]
