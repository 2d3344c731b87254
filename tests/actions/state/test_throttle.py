"""Slow mailbox providers: their recipients wait unclaimed, everybody else's go on."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.batches.test_cost import Counter
from tests.actions.delivery.test_dispatch_gate import stall_of
from tests.actions.harness import ACCEPTED, SENDER, Harness, a_request, perform, sent, statuses, unique
from warmpost.actions.batches.report import find_slowness
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.delivery.envelope import HandOver, Outcome, Reply
from warmpost.rules.delivery.throttling import Limit
from warmpost.rules.requests.requests import BatchOrder, RecipientOrder

TOO_FAST = Outcome(HandOver.POSTPONED, "r1", Reply(421, "4.7.28", "Unusual rate of mail"))


@pytest.fixture
def limited(store):
    """A harness in which gmail takes two messages a second."""

    async def make(per_second=2.0, counter=None):
        shop = await Harness(FirestoreStore(f"test-{unique()}", counter)).open()
        shop.policy = replace(shop.policy, provider_limits={"gmail": Limit(per_second)}, claim_batch=125)
        shop.services = shop.worker("limited")
        return shop

    return make


async def submit(harness, *to):
    people = tuple(RecipientOrder(one, {"name": "N"}) for one in to)
    order = BatchOrder(sender=SENDER, template="1", recipients=people)
    return (await submit_batch(harness.services, order, a_request())).id


def mixed(count):
    return [f"a{n}@{'gmail.com' if n % 2 else 'example.net'}" for n in range(count)]


async def slowness(harness, batch):
    return await find_slowness(harness.services, await harness.store.get(Batch, f"batches/{batch}"))


def gmail_in(harness):
    return [
        sum("@gmail" in one.envelope.rcpt_to for one in claim_batch)
        for claim_batch in harness.relays.claim_batches
    ]


async def test_others_go_at_once_and_the_slow_at_their_pace(limited):
    harness = await limited()
    batch = await submit(harness, *mixed(100))
    await harness.queue.run(harness.services, until=timedelta(seconds=1))
    progress = await harness.progress(batch)
    assert progress.results.count("s") == 50 + 16  # eight seconds' worth of gmail
    assert statuses(progress)[0::2] == ["sent"] * 50
    assert "gmail has a limit" in await slowness(harness, batch)
    assert await stall_of(harness, batch) is None
    await harness.queue.run(harness.services)
    assert statuses(await harness.progress(batch)) == ["sent"] * 100
    assert (await harness.batch(batch)).status == "done"
    assert await slowness(harness, batch) is None
    assert max(gmail_in(harness)) <= 16
    assert set(harness.relays.times_handed.values()) == {1}


async def test_only_the_slow_pass_gates(limited):
    harness = await limited()
    await submit(harness, *mixed(20))
    await harness.queue.run(harness.services)
    for claim_batch, gates in zip(harness.relays.claim_batches, harness.relays.gates, strict=True):
        slow = all("@gmail" in one.envelope.rcpt_to for one in claim_batch)
        assert len(gates) == (len(claim_batch) if slow else 0)


async def test_waiting_for_a_provider_costs_few_writes_and_no_busy_loop(limited):
    counter = Counter()
    harness = await limited(0.5, counter)
    await submit(harness, *[f"a{n}@gmail.com" for n in range(40)])
    counter.writes = 0
    await harness.queue.run(harness.services, until=timedelta(seconds=60))
    served = len(harness.relays.handed)
    assert 20 <= served < 40
    assert counter.writes <= served + 5
    assert len(harness.queue.made) <= served + 5


async def test_a_provider_that_complains_is_slowed_down_in_the_middle_of_a_chunk(harness):
    harness.policy = replace(harness.policy, claim_batch=50)
    harness.services = harness.worker("one")
    people = mixed(400)
    harness.relays.say(people[1], TOO_FAST, ACCEPTED)
    batch = await submit(harness, *people)
    await harness.queue.run(harness.services, until=timedelta(seconds=2))
    progress = await harness.progress(batch)
    assert statuses(progress)[0::2] == ["sent"] * 200
    assert progress.status(1).value == "deferred"
    assert 0 < statuses(progress)[1::2].count("queued") < 200
    assert "Unusual rate of mail" in await slowness(harness, batch)
    await harness.queue.run(harness.services)
    assert statuses(await harness.progress(batch)) == ["sent"] * 400
    assert max(gmail_in(harness)[1:]) < 200


async def test_it_recovers_and_is_forgotten(harness):
    harness.services.throttle.heard("shared", [("a@gmail.com", TOO_FAST)], 1.0)
    assert harness.services.throttle.gate("shared", "b@googlemail.com") is not None
    assert harness.services.throttle.gate("shared", "b@example.net") is None
    assert harness.services.throttle.gate("other pool", "b@gmail.com") is None
    harness.clock.advance(301)
    assert harness.services.throttle.gate("shared", "b@gmail.com") is None


async def test_a_single_send_waits_for_no_provider(limited):
    harness = await limited(0.01)
    await submit(harness, *[f"a{n}@gmail.com" for n in range(5)])
    await harness.queue.run(harness.services, until=timedelta(seconds=3))
    await sent(harness, "b@gmail.com")
    await harness.queue.run(harness.services, until=timedelta(seconds=6))
    assert harness.relays.times_handed["b@gmail.com"] == 1


async def test_only_one_chunk_at_a_time_serves_the_slow_and_no_other_waits_for_it(limited):
    """The first chunk is kept busy with a slow provider until the second has sent what is for others."""
    harness = await limited()
    await submit(harness, *[f"a{n}@gmail.com" for n in range(5)])
    await submit(harness, *[f"b{n}@{'gmail.com' if n else 'example.net'}" for n in range(5)])
    released = asyncio.Event()

    async def hold(claim_batch):
        people = [one.envelope.rcpt_to for one in claim_batch]
        if "a0@gmail.com" in people:
            async with asyncio.timeout(30):
                await released.wait()
        if "b0@example.net" in people:
            released.set()

    harness.relays.before = hold
    while early := [task for task in harness.queue.waiting if task.verb != "deliver"]:
        harness.queue.waiting.remove(early[0])
        await perform(harness.services, early[0])
    delivers, harness.queue.waiting = harness.queue.waiting, []
    await asyncio.gather(*(perform(harness.services, task) for task in delivers))
    await harness.queue.run(harness.services)
    assert len(harness.relays.handed) == 10
    assert set(harness.relays.times_handed.values()) == {1}
