"""Chunks and messages while no relay takes mail: they wait for next to nothing, and say what they wait for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.batches.test_cost import Counter
from tests.actions.workshop import (
    ACCEPTED,
    NOT_TRIED,
    START,
    Workshop,
    address,
    message_progress,
    sent,
    statuses,
    unique,
)
from warmpost.actions.batches.control_batch import cancel_batch
from warmpost.actions.batches.report import Stall, find_stall
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.delivery.relay_selection import Closed
from warmpost.rules.delivery.retries import RetryPlan

REASON = "no relay of pool shared takes mail: r1: 127.0.0.1:25: Connection refused"


async def stall_of(workshop, batch):
    return await find_stall(workshop.services, await workshop.store.get(Batch, f"batches/{batch}"))


async def test_a_batch_says_since_when_and_why_nobody_takes_its_mail_until_somebody_does(workshop):
    workshop.relays.everybody = replace(NOT_TRIED, reason=REASON)
    batch = await workshop.submit(5)
    assert await stall_of(workshop, batch) is None
    await workshop.queue.run(workshop.services, until=timedelta(minutes=10))
    assert await stall_of(workshop, batch) == Stall(START, REASON)
    assert set(statuses(await workshop.progress(batch))) == {"queued"}
    workshop.relays.everybody = ACCEPTED
    await workshop.queue.run(workshop.services)
    assert await stall_of(workshop, batch) is None
    assert (await workshop.progress(batch)).stalled_reason == ""
    assert statuses(await workshop.progress(batch)) == ["sent"] * 5


async def test_a_single_send_says_so_too(workshop):
    workshop.relays.shut = Closed(REASON, 30)
    message = await sent(workshop, address(0))
    await workshop.queue.run(workshop.services, until=timedelta(minutes=1))
    progress = await message_progress(workshop, message)
    assert (progress.stalled_since, progress.stalled_reason) == (START.timestamp(), REASON)
    workshop.relays.shut = None
    await workshop.queue.run(workshop.services)
    progress = await message_progress(workshop, message)
    assert (statuses(progress), progress.stalled_since, progress.stalled_reason) == (["sent"], 0.0, "")


async def test_waiting_for_a_relay_costs_one_write_a_chunk_and_ever_fewer_tasks(store):
    counter = Counter()
    workshop = await Workshop(FirestoreStore(f"test-{unique()}", counter)).open()
    batch = await workshop.submit_list(await workshop.list_of(20, pages=2))
    workshop.relays.shut = Closed(REASON, 1)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=3))
    assert await stall_of(workshop, batch) == Stall(START, REASON)
    counter.writes = 0
    tasks = len(workshop.queue.made)
    await workshop.queue.run(workshop.services, until=timedelta(hours=1))
    assert counter.writes == 0
    assert len(workshop.queue.made) - tasks <= 2 * 20
    assert workshop.relays.strides == []


async def test_nobody_comes_before_a_relay_may_be_tried_again(workshop):
    workshop.relays.shut = Closed(REASON, 40)
    await workshop.submit(3)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=2))
    assert [task.at - START for task in workshop.queue.waiting] == [timedelta(seconds=41)]


async def test_simulated_recipients_wait_for_no_relay(workshop):
    workshop.relays.shut = Closed(REASON, 40)
    message = await sent(workshop, "success@simulator.invalid")
    await workshop.queue.run(workshop.services)
    assert statuses(await message_progress(workshop, message)) == ["delivered"]


@pytest.mark.parametrize("mark", ["cancelled", "bounced"])
async def test_an_outage_ends_with_the_batch_or_with_patience(workshop, mark):
    plan = RetryPlan((60, 120), 1000)
    services = workshop.worker("w", policy=replace(workshop.policy, retries=plan))
    workshop.relays.shut = Closed(REASON, 40)
    batch = await workshop.submit(3)
    await workshop.queue.run(services, until=timedelta(seconds=100))
    if mark == "cancelled":
        await cancel_batch(services, batch)
    await workshop.queue.run(services)
    progress = await workshop.progress(batch)
    assert statuses(progress) == [mark] * 3
    if mark == "bounced":
        assert REASON in progress.details[0].notes[-1].text
    assert await stall_of(workshop, batch) is None


async def test_a_relay_that_takes_mail_now_and_then_is_not_waited_for_as_if_it_never_did(workshop):
    """Else patience would run out with a relay that is merely unreliable, and everybody left would bounce."""

    async def shut(stride):
        if not workshop.relays.shut:
            workshop.relays.shut = Closed(REASON, 1)

    batch = await workshop.submit(30)
    workshop.relays.shut = Closed(REASON, 1)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=1))
    workshop.relays.before = shut
    for minute in range(1, 9):
        workshop.relays.shut = None  # long enough for a stride
        await workshop.queue.run(workshop.services, until=timedelta(minutes=30 * minute))
        progress = await workshop.progress(batch)
        assert not progress.stalled_since or progress.stalled_since > START.timestamp() + 1
    assert len(workshop.relays.handed) >= 24
    assert await stall_of(workshop, batch) is not None
