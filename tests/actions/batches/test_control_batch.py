"""Pause, resume and cancel, at whatever moment they come."""

import asyncio
from datetime import timedelta

import pytest

from tests.actions.harness import POSTPONED, address, addresses, statuses
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.batches.report import count_batch
from warmpost.actions.delivery.deliver import RUNS_FOR
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.delivery.leases import Lease
from warmpost.errors import Conflict, NotFound, Unavailable


async def counts(harness, batch):
    stored = await find_batch(harness.services, batch)
    found = await count_batch(harness.services, stored)
    assert sum(found.values()) == stored.value.total
    return {name: number for name, number in found.items() if number}


async def test_a_paused_batch_sends_nothing_until_it_is_resumed(harness):
    batch = await harness.submit(4)
    await pause_batch(harness.services, batch)
    await pause_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    assert not harness.relays.claim_batches
    assert await counts(harness, batch) == {"held": 4}
    await resume_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    assert await counts(harness, batch) == {"sent": 4}


async def test_a_cancelled_batch_has_everybody_cancelled_who_was_not_handed_over(harness):
    async def cancel(claim_batch):
        await cancel_batch(harness.services, batch)

    harness.relays.before = cancel
    batch = await harness.submit_list(await harness.list_of(12, 2))
    await harness.queue.run(harness.services)
    assert await counts(harness, batch) == {"sent": 3, "cancelled": 9}
    await cancel_batch(harness.services, batch)
    assert (await harness.batch(batch)).finished_at is not None


async def test_who_was_put_off_is_cancelled_too_even_if_the_batch_was_paused_when_the_retry_came(harness):
    harness.relays.say(address(0), POSTPONED)
    batch = await harness.submit(3)
    await harness.queue.run(harness.services, until=timedelta(seconds=30))
    await pause_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    await cancel_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    assert await counts(harness, batch) == {"sent": 2, "cancelled": 1}


async def test_a_batch_cancelled_after_its_worker_vanished_and_it_was_paused_leaves_nobody_sending(harness):
    async def vanish(claim_batch):
        raise asyncio.CancelledError

    batch = await harness.submit(5)
    harness.relays.before = vanish
    with pytest.raises(asyncio.CancelledError):
        await harness.queue.run(harness.services)
    harness.relays.before = None
    await pause_batch(harness.services, batch)
    await harness.queue.run(harness.worker("two"))
    assert statuses(await harness.progress(batch))[:3] == ["sending"] * 3
    await cancel_batch(harness.services, batch)
    await harness.queue.run(harness.worker("two"))
    assert await counts(harness, batch) == {"uncertain": 3, "cancelled": 2}


async def test_what_has_ended_cannot_be_changed_any_more(harness):
    done = await harness.submit(1)
    await harness.queue.run(harness.services)
    for verb in (pause_batch, resume_batch, cancel_batch):
        with pytest.raises(Conflict) as conflict:
            await verb(harness.services, done)
        assert conflict.value.code == "batch_done"
    cancelled = await harness.submit(1)
    await cancel_batch(harness.services, cancelled)
    for verb in (pause_batch, resume_batch):
        with pytest.raises(Conflict) as conflict:
            await verb(harness.services, cancelled)
        assert conflict.value.code == "batch_cancelled"


@pytest.mark.parametrize("unknown", ["7", "0", "x", "", "1" * 20, "../messages/1", "٣"])
async def test_a_batch_that_is_not_there(harness, unknown):
    for verb in (pause_batch, resume_batch, cancel_batch):
        with pytest.raises(NotFound):
            await verb(harness.services, unknown)


async def test_verbs_that_cross_each_other_leave_one_state(harness):
    batch = await harness.submit(6)
    crew = [harness.worker(f"w{n}") for n in range(4)]
    await asyncio.gather(
        pause_batch(crew[0], batch),
        resume_batch(crew[1], batch),
        pause_batch(crew[2], batch),
        resume_batch(crew[3], batch),
    )
    await resume_batch(harness.services, batch)
    await harness.queue.run(*crew[:2])
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(6)), 1)
    assert (await harness.batch(batch)).status == "done"


async def test_a_resume_interrupted_before_its_tasks_can_be_repeated(harness):
    batch = await harness.submit(2)
    await pause_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    harness.queue.room = 0
    with pytest.raises(Unavailable):
        await resume_batch(harness.services, batch)
    harness.queue.room = None
    await resume_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    assert (await harness.batch(batch)).status == "done"


async def test_a_batch_cancelled_while_its_claim_took_long_hands_nothing_over(harness, monkeypatch):
    batch = await harness.submit(3)
    claim = Lease.claim

    async def slowly(lease, *arguments):
        await claim(lease, *arguments)
        await cancel_batch(harness.services, batch)
        await asyncio.sleep(RUNS_FOR + 0.01)

    monkeypatch.setattr(Lease, "claim", slowly)
    await harness.queue.run(harness.services)
    assert not harness.relays.claim_batches
    assert await counts(harness, batch) == {"cancelled": 3}
