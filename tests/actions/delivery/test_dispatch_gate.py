"""Chunks and messages while no relay takes mail: they wait for next to nothing, and say what they wait for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.batches.test_cost import Counter
from tests.actions.harness import (
    ACCEPTED,
    NOT_TRIED,
    START,
    Harness,
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


async def stall_of(harness, batch):
    return await find_stall(harness.services, await harness.store.get(Batch, f"batches/{batch}"))


async def test_a_batch_says_since_when_and_why_nobody_takes_its_mail_until_somebody_does(harness):
    harness.relays.everybody = replace(NOT_TRIED, reason=REASON)
    batch = await harness.submit(5)
    assert await stall_of(harness, batch) is None
    await harness.queue.run(harness.services, until=timedelta(minutes=10))
    assert await stall_of(harness, batch) == Stall(START, REASON)
    assert set(statuses(await harness.progress(batch))) == {"queued"}
    harness.relays.everybody = ACCEPTED
    await harness.queue.run(harness.services)
    assert await stall_of(harness, batch) is None
    assert (await harness.progress(batch)).stalled_reason == ""
    assert statuses(await harness.progress(batch)) == ["sent"] * 5


async def test_a_single_send_says_so_too(harness):
    harness.relays.shut = Closed(REASON, 30)
    message = await sent(harness, address(0))
    await harness.queue.run(harness.services, until=timedelta(minutes=1))
    progress = await message_progress(harness, message)
    assert (progress.stalled_since, progress.stalled_reason) == (START.timestamp(), REASON)
    harness.relays.shut = None
    await harness.queue.run(harness.services)
    progress = await message_progress(harness, message)
    assert (statuses(progress), progress.stalled_since, progress.stalled_reason) == (["sent"], 0.0, "")


async def test_an_outage_of_an_hour_costs_a_probe_a_minute_whatever_waits(store):
    counter = Counter()
    harness = await Harness(FirestoreStore(f"test-{unique()}", counter)).open()
    batch = await harness.submit_list(await harness.list_of(20, pages=2))
    harness.relays.shut = Closed(REASON, 1)
    await harness.queue.run(harness.services, until=timedelta(seconds=3))
    assert await stall_of(harness, batch) == Stall(START, REASON)
    counter.writes = counter.reads = 0
    tasks = len(harness.queue.made)
    await harness.queue.run(harness.services, until=timedelta(hours=1))
    assert counter.writes == 0
    assert len(harness.queue.made) - tasks <= 70
    assert {task.verb for task in harness.queue.made[tasks:]} <= {"probe"}
    assert counter.reads <= 70 * 10
    assert harness.relays.claim_batches == []


async def test_nobody_comes_before_a_relay_may_be_tried_again(harness):
    harness.relays.shut = Closed(REASON, 40)
    await harness.submit(3)
    await harness.queue.run(harness.services, until=timedelta(seconds=2))
    assert [task.at - START for task in harness.queue.waiting] == [timedelta(seconds=41)]


async def test_simulated_recipients_wait_for_no_relay(harness):
    harness.relays.shut = Closed(REASON, 40)
    message = await sent(harness, "success@simulator.invalid")
    await harness.queue.run(harness.services)
    assert statuses(await message_progress(harness, message)) == ["delivered"]


@pytest.mark.parametrize("mark", ["cancelled", "bounced"])
async def test_an_outage_ends_with_the_batch_or_with_patience(harness, mark):
    plan = RetryPlan((60, 120), 1000)
    services = harness.worker("w", policy=replace(harness.policy, retries=plan))
    harness.relays.shut = Closed(REASON, 40)
    batch = await harness.submit(3)
    await harness.queue.run(services, until=timedelta(seconds=100))
    if mark == "cancelled":
        await cancel_batch(services, batch)
    await harness.queue.run(services)
    progress = await harness.progress(batch)
    assert statuses(progress) == [mark] * 3
    if mark == "bounced":
        assert REASON in progress.details[0].notes[-1].text
    assert await stall_of(harness, batch) is None


async def test_a_relay_that_takes_mail_now_and_then_is_not_waited_for_as_if_it_never_did(harness):
    """Else patience would run out with a relay that is merely unreliable, and everybody left would bounce."""

    async def shut(claim_batch):
        if not harness.relays.shut:
            harness.relays.shut = Closed(REASON, 1)

    batch = await harness.submit(30)
    harness.relays.shut = Closed(REASON, 1)
    await harness.queue.run(harness.services, until=timedelta(seconds=1))
    harness.relays.before = shut
    for minute in range(1, 9):
        harness.relays.shut = None  # long enough for a claim batch
        await harness.queue.run(harness.services, until=timedelta(minutes=30 * minute))
        progress = await harness.progress(batch)
        assert not progress.stalled_since or progress.stalled_since > START.timestamp() + 1
    assert len(harness.relays.handed) >= 24
    assert await stall_of(harness, batch) is not None
