"""Pause, resume and cancel, at whatever moment they come."""

import asyncio
from datetime import timedelta

import pytest

from tests.actions.workshop import POSTPONED, address, addresses, statuses
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.batches.report import count_batch
from warmpost.actions.delivery.find import find_batch
from warmpost.errors import Conflict, NotFound, Unavailable


async def counts(workshop, batch):
    stored = await find_batch(workshop.services, batch)
    found = await count_batch(workshop.services, stored)
    assert sum(found.values()) == stored.value.total
    return {name: number for name, number in found.items() if number}


async def test_a_paused_batch_sends_nothing_until_it_is_resumed(workshop):
    batch = await workshop.submit(4)
    await pause_batch(workshop.services, batch)
    await pause_batch(workshop.services, batch)
    await workshop.queue.run(workshop.services)
    assert not workshop.relays.strides
    assert await counts(workshop, batch) == {"held": 4}
    await resume_batch(workshop.services, batch)
    await workshop.queue.run(workshop.services)
    assert await counts(workshop, batch) == {"sent": 4}


async def test_a_cancelled_batch_has_everybody_cancelled_who_was_not_handed_over(workshop):
    async def cancel(stride):
        await cancel_batch(workshop.services, batch)

    workshop.relays.before = cancel
    batch = await workshop.submit_list(await workshop.list_of(12, 2))
    await workshop.queue.run(workshop.services)
    assert await counts(workshop, batch) == {"sent": 3, "cancelled": 9}
    await cancel_batch(workshop.services, batch)
    assert (await workshop.batch(batch)).finished_at is not None


async def test_who_was_put_off_is_cancelled_too_even_if_the_batch_was_paused_when_the_retry_came(workshop):
    workshop.relays.say(address(0), POSTPONED)
    batch = await workshop.submit(3)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=30))
    await pause_batch(workshop.services, batch)
    await workshop.queue.run(workshop.services)
    await cancel_batch(workshop.services, batch)
    await workshop.queue.run(workshop.services)
    assert await counts(workshop, batch) == {"sent": 2, "cancelled": 1}


async def test_a_batch_cancelled_after_its_worker_vanished_and_it_was_paused_leaves_nobody_sending(workshop):
    async def vanish(stride):
        raise asyncio.CancelledError

    batch = await workshop.submit(5)
    workshop.relays.before = vanish
    with pytest.raises(asyncio.CancelledError):
        await workshop.queue.run(workshop.services)
    workshop.relays.before = None
    await pause_batch(workshop.services, batch)
    await workshop.queue.run(workshop.worker("two"))
    assert statuses(await workshop.progress(batch))[:3] == ["sending"] * 3
    await cancel_batch(workshop.services, batch)
    await workshop.queue.run(workshop.worker("two"))
    assert await counts(workshop, batch) == {"uncertain": 3, "cancelled": 2}


async def test_what_has_ended_cannot_be_changed_any_more(workshop):
    done = await workshop.submit(1)
    await workshop.queue.run(workshop.services)
    for verb in (pause_batch, resume_batch, cancel_batch):
        with pytest.raises(Conflict) as conflict:
            await verb(workshop.services, done)
        assert conflict.value.code == "batch_done"
    cancelled = await workshop.submit(1)
    await cancel_batch(workshop.services, cancelled)
    for verb in (pause_batch, resume_batch):
        with pytest.raises(Conflict) as conflict:
            await verb(workshop.services, cancelled)
        assert conflict.value.code == "batch_cancelled"


@pytest.mark.parametrize("unknown", ["7", "0", "x", "", "1" * 20, "../messages/1", "٣"])
async def test_a_batch_that_is_not_there(workshop, unknown):
    for verb in (pause_batch, resume_batch, cancel_batch):
        with pytest.raises(NotFound):
            await verb(workshop.services, unknown)


async def test_verbs_that_cross_each_other_leave_one_state(workshop):
    batch = await workshop.submit(6)
    crew = [workshop.worker(f"w{n}") for n in range(4)]
    await asyncio.gather(
        pause_batch(crew[0], batch),
        resume_batch(crew[1], batch),
        pause_batch(crew[2], batch),
        resume_batch(crew[3], batch),
    )
    await resume_batch(workshop.services, batch)
    await workshop.queue.run(*crew[:2])
    assert workshop.relays.times_handed == dict.fromkeys(addresses(*range(6)), 1)
    assert (await workshop.batch(batch)).status == "done"


async def test_a_resume_interrupted_before_its_tasks_can_be_repeated(workshop):
    batch = await workshop.submit(2)
    await pause_batch(workshop.services, batch)
    await workshop.queue.run(workshop.services)
    workshop.queue.room = 0
    with pytest.raises(Unavailable):
        await resume_batch(workshop.services, batch)
    workshop.queue.room = None
    await resume_batch(workshop.services, batch)
    await workshop.queue.run(workshop.services)
    assert (await workshop.batch(batch)).status == "done"
