"""Batches while no relay takes mail: they sleep without tasks of their own, and nobody is forgotten when they wake."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import ACCEPTED, DOMAIN, NOT_TRIED, START, Harness, statuses
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.delivery.deliver import deliver
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.operations.daily import run_daily
from warmpost.actions.warmup.domain_state import read_snapshot
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.delivery.relay_selection import Closed
from warmpost.rules.outages.outages import Outage

DOWN = Closed("connection refused", 30)


async def asleep(harness: Harness, pages: int = 2) -> str:
    """A batch of several chunks that sleeps."""
    batch = await harness.submit_list(await harness.list_of(6, pages=pages))
    harness.relays.shut = DOWN
    await harness.queue.run(harness.services, until=timedelta(seconds=5))
    assert await harness.store.get(Outage, "outages/shared") is not None
    return batch


async def all_sent(harness: Harness, batch: str) -> bool:
    found = await harness.store.get(Batch, f"batches/{batch}")
    return found.value.status is BatchStatus.DONE and len(harness.relays.handed) == found.value.total


async def test_everybody_wakes_once_the_relay_answers_and_gets_one_mail(harness):
    batch = await asleep(harness)
    assert [task.verb for task in harness.queue.waiting] == ["probe"]
    harness.relays.shut = None
    await harness.queue.run(harness.services, until=timedelta(minutes=5))
    assert await all_sent(harness, batch)
    assert await harness.store.get(Outage, "outages/shared") is None


async def test_many_batches_share_one_probe(harness):
    first, second = await asleep(harness), await asleep(harness)
    assert [task.verb for task in harness.queue.waiting] == ["probe"]
    harness.relays.shut = None
    await harness.queue.run(harness.services, until=timedelta(minutes=5))
    assert len(harness.relays.handed) == 12
    for batch in (first, second):
        found = await harness.store.get(Batch, f"batches/{batch}")
        assert found.value.status is BatchStatus.DONE


async def test_a_task_that_comes_while_its_batch_sleeps_costs_nothing(harness, monkeypatch):
    batch = await asleep(harness)
    monkeypatch.setattr(harness.services.store, "get", None)
    await deliver(harness.services, DeliveryJob(batch, "000001", end=3))


async def test_another_process_learns_that_a_batch_sleeps_and_drops_its_tasks(harness):
    batch, other = await asleep(harness), harness.worker("other")
    for _ in range(2):
        await deliver(other, DeliveryJob(batch, "000001", end=3))
    assert [task.verb for task in harness.queue.waiting] == ["probe"]


async def test_a_process_that_left_a_relay_alone_asks_it_once_before_its_batch_sleeps_again(harness):
    """Else the pauses of other processes would put to sleep what has just been woken."""
    batch = await asleep(harness)
    harness.relays.shut = None
    await harness.queue.run(harness.services, until=timedelta(seconds=32))

    async def reach(pool):
        return ""

    harness.relays.shut, harness.relays.reach = DOWN, reach
    await harness.queue.run(harness.services, until=timedelta(seconds=36))
    assert await harness.store.get(Outage, "outages/shared") is None
    harness.relays.shut = None
    await harness.queue.run(harness.services)
    assert await all_sent(harness, batch)


async def test_a_relay_that_lets_in_and_refuses_everybody_wakes_nobody(harness):
    await asleep(harness)
    tasks = len(harness.queue.made)

    async def refuse(claim_batch):
        harness.relays.shut = DOWN

    harness.relays.shut, harness.relays.before = None, refuse
    harness.relays.everybody = replace(NOT_TRIED, reason="421")

    async def reach(pool):
        harness.relays.shut = None
        return ""

    harness.relays.reach = reach
    await harness.queue.run(harness.services, until=timedelta(minutes=30))
    assert {task.verb for task in harness.queue.made[tasks:]} == {"probe"}
    assert len(harness.queue.made) - tasks <= 35


@pytest.mark.parametrize("how", ["cancelled", "paused first"])
async def test_a_batch_that_is_cancelled_asleep_ends_at_once_and_returns_its_volume(harness, how):
    batch = await asleep(harness)
    if how == "paused first":
        await pause_batch(harness.services, batch)
    await cancel_batch(harness.services, batch)
    await harness.queue.run(harness.services, until=timedelta(minutes=2))
    for chunk in range(2):
        assert statuses(await harness.progress(batch, chunk)) == ["cancelled"] * 3
    assert (await read_snapshot(harness.services, DOMAIN)).allowance.volume.used == 0


async def test_a_batch_that_is_paused_and_resumed_asleep_is_sent_in_the_end(harness):
    batch = await asleep(harness)
    await pause_batch(harness.services, batch)
    await harness.queue.run(harness.services, until=timedelta(minutes=2))
    await resume_batch(harness.services, batch)
    await harness.queue.run(harness.services, until=timedelta(minutes=4))
    harness.relays.shut = None
    await harness.queue.run(harness.services)
    assert await all_sent(harness, batch)


async def test_waiting_ends_for_chunks_that_never_had_a_turn_too(harness):
    batch = await asleep(harness, pages=3)
    await harness.queue.run(harness.services, until=timedelta(days=2))
    for number in range(3):
        assert set(statuses(await harness.progress(batch, number))) == {"bounced"}
    found = await harness.store.get(Batch, f"batches/{batch}")
    assert found.value.status is BatchStatus.DONE
    assert found.value.finished_at - START < timedelta(hours=25)


async def test_a_lost_chain_of_probes_is_replaced_by_the_daily_run(harness):
    batch = await asleep(harness)
    harness.queue.waiting.clear()
    harness.relays.everybody = ACCEPTED
    harness.clock.move_to(START + timedelta(hours=3))
    await run_daily(harness.services)
    await harness.queue.run(harness.services, until=timedelta(hours=4))
    harness.relays.shut = None
    await harness.queue.run(harness.services)
    assert await all_sent(harness, batch)
