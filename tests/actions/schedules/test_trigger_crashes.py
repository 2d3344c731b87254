"""A run is submitted once, whatever happens to tasks and workers: crashes at every step, duplicates, losses, rivals."""

import contextlib
import random
from dataclasses import replace

import pytest

from tests.actions.harness import START, batch_order, perform, send_order
from tests.actions.schedule_harness import Crash, Fuse, at
from warmpost.actions.schedules.control_schedule import end_schedule, pause_schedule, resume_schedule
from warmpost.actions.schedules.enqueue_due import enqueue_due
from warmpost.actions.schedules.trigger_schedule import trigger_schedule
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.errors import Conflict, Moved
from warmpost.rules.delivery.documents import Message
from warmpost.rules.model.documents import Idempotency
from warmpost.rules.model.writes import Delete


async def test_tasks_delivered_many_times_at_once_fire_a_run_once(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=1, count=4)
    await planner.pass_until(at("2026-11-24T12:00"), times=4)
    assert await planner.history(schedule) == [f"submitted 11-24 {hour:02}:00" for hour in (8, 9, 10, 11)]
    assert (await planner.schedule(schedule)).counts == {"submitted": 4}


async def test_a_message_is_made_once_though_its_tasks_come_many_times(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", send_order(), every=1, count=3)
    await planner.pass_until(at("2026-11-24T12:00"), times=3)
    assert len(await planner.store.find(Message, "messages", ("schedule", "==", schedule))) == 3
    assert (await planner.schedule(schedule)).counts == {"submitted": 3}


STEPS = 7
"""Changes that firing a run makes: claim, next task, number, recipients, task, batch, record."""


async def test_firing_takes_as_many_steps_as_the_crashes_below_cover(planner):
    await planner.plan("2026-11-24T08:00:00Z", every=24)
    fuse = Fuse(100, after=False)
    planner.clock.move_to(at("2026-11-24T08:00"))
    await perform(planner.doomed(fuse), planner.triggers()[0])
    assert 100 - fuse.left == STEPS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_a_worker_that_dies_at_any_step_is_made_good_by_the_task_coming_again(planner, step, after):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=24)
    (task,) = planner.triggers()
    planner.clock.move_to(at("2026-11-24T08:00"))
    with pytest.raises(Crash):
        await perform(planner.doomed(Fuse(step, after)), task)
    planner.clock.advance(30)
    await planner.trigger(task, times=2)
    await assert_fired_once(planner, schedule)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_a_worker_that_dies_at_any_step_is_made_good_by_daily_though_all_tasks_are_lost(
    planner, step, after
):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=24)
    planner.clock.move_to(at("2026-11-24T08:00"))
    with pytest.raises(Crash):
        await perform(planner.doomed(Fuse(step, after)), planner.triggers()[0])
    planner.lose_tasks()
    planner.clock.move_to(at("2026-11-24T10:00"))
    await enqueue_due(planner.services, planner.clock.now())
    for task in [one for one in planner.triggers() if one.at is None]:
        await planner.trigger(task)
    await assert_fired_once(planner, schedule, queued=False)
    planner.lose_tasks()
    await planner.pass_until(at("2026-11-25T20:00"))
    assert await planner.history(schedule) == ["submitted 11-24 08:00", "submitted 11-25 08:00"]


async def assert_fired_once(planner, schedule, queued=True):
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]
    value = await planner.schedule(schedule)
    assert (value.next_run, value.starting, value.counts) == (at("2026-11-25T08:00"), (), {"submitted": 1})
    if queued:
        assert [task.at for task in planner.triggers()] == [at("2026-11-25T08:00")]


@pytest.mark.parametrize("order", [batch_order(1), send_order()], ids=["batch", "send"])
@pytest.mark.parametrize("seed", range(2))
async def test_a_month_of_crashes_and_duplicates_submits_once_for_every_day(planner, seed, order):
    chance = random.Random(seed)
    schedule = await planner.plan("2026-11-24T08:00:00Z", order, every=24, count=30)
    while triggers := planner.triggers():
        planner.clock.move_to(triggers[0].at or planner.clock.now())
        if chance.random() < 0.3:
            doomed = planner.doomed(Fuse(chance.randint(1, STEPS), chance.random() < 0.5))
            with contextlib.suppress(Crash):
                await perform(doomed, triggers[0])
            continue
        await planner.trigger(triggers[0], times=2 if chance.random() < 0.2 else 1)
    value = await planner.schedule(schedule)
    assert (value.state, value.counts) == ("ended", {"submitted": 30})
    messages = await planner.store.find(Message, "messages", ("schedule", "==", schedule))
    made = [*(await planner.batches(schedule)).values(), *(one.value for one in messages)]
    assert sorted(one.run for one in made) == [one.run for one in await planner.runs(schedule)]
    assert len(made) == 30


async def test_a_run_taken_up_again_after_its_key_is_forgotten_makes_no_second_batch(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z")
    planner.clock.move_to(at("2026-11-24T08:00"))
    (task,) = planner.triggers()
    with pytest.raises(Crash):
        await perform(planner.doomed(Fuse(5, after=True)), task)
    for known in await planner.store.find(Idempotency, "idempotency"):
        await planner.store.commit(Delete(known.path))
    planner.clock.advance(8 * 86400)
    await planner.trigger(task)
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]


async def test_a_store_that_is_away_for_a_moment_fails_no_run(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=24)
    planner.queue.room = 0
    planner.clock.move_to(at("2026-11-24T08:00"))
    with pytest.raises(AssertionError):
        await planner.trigger(planner.triggers()[0])
    planner.queue.room = None
    await planner.pass_until(at("2026-11-24T09:00"))
    await assert_fired_once(planner, schedule)


class Crowded:
    """A store in which others are always faster with a domain's volume."""

    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        return getattr(self._real, name)

    async def commit(self, *writes):
        if any(write.path.startswith("warmup/") for write in writes):
            raise Moved("warmup")
        return await self._real.commit(*writes)


async def test_a_message_kept_from_its_place_by_many_others_is_tried_again(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", send_order())
    (task,) = planner.triggers()
    planner.clock.move_to(at("2026-11-24T08:00"))
    with pytest.raises(Conflict):
        await perform(replace(planner.services, store=Crowded(planner.store)), task)
    await planner.trigger(task)
    assert [run.status for run in await planner.runs(schedule)] == ["submitted"]


async def test_a_run_whose_task_was_used_up_during_a_pause_gets_another(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z")
    await pause_schedule(planner.services, schedule)
    (task,) = planner.triggers()
    await perform(planner.services, task)  # by the queue's clock, which is a little ahead
    planner.lose_tasks()
    await resume_schedule(planner.services, schedule)
    await planner.pass_until(at("2026-11-24T08:00"), daily=False)
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]


async def test_a_run_that_has_started_goes_on_though_the_schedule_is_ended(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=24)
    (task,) = planner.triggers()
    planner.clock.move_to(at("2026-11-24T08:00"))
    with pytest.raises(Crash):
        await perform(planner.doomed(Fuse(2, after=False)), task)
    await end_schedule(planner.services, schedule)
    await planner.pass_until(at("2026-11-28T09:00"))
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]


async def test_a_task_that_overtook_its_schedule_comes_again(planner):
    with pytest.raises(NotStoredYetError):
        await trigger_schedule(planner.services, "99", START)
