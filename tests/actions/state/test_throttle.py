"""Slow mailbox providers: their recipients wait unclaimed, everybody else's go on."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.batches.test_cost import Counter
from tests.actions.delivery.test_dispatch_gate import stall_of
from tests.actions.workshop import ACCEPTED, SENDER, Workshop, a_request, perform, sent, statuses, unique
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
    """A workshop in which gmail takes two messages a second."""

    async def make(per_second=2.0, counter=None):
        shop = await Workshop(FirestoreStore(f"test-{unique()}", counter)).open()
        shop.policy = replace(shop.policy, provider_limits={"gmail": Limit(per_second)}, stride=125)
        shop.services = shop.worker("limited")
        return shop

    return make


async def submit(workshop, *to):
    people = tuple(RecipientOrder(one, {"name": "N"}) for one in to)
    order = BatchOrder(sender=SENDER, template="1", recipients=people)
    return (await submit_batch(workshop.services, order, a_request())).id


def mixed(count):
    return [f"a{n}@{'gmail.com' if n % 2 else 'example.net'}" for n in range(count)]


async def slowness(workshop, batch):
    return await find_slowness(workshop.services, await workshop.store.get(Batch, f"batches/{batch}"))


def gmail_in(workshop):
    return [sum("@gmail" in one.envelope.rcpt_to for one in stride) for stride in workshop.relays.strides]


async def test_others_go_at_once_and_the_slow_at_their_pace(limited):
    workshop = await limited()
    batch = await submit(workshop, *mixed(100))
    await workshop.queue.run(workshop.services, until=timedelta(seconds=1))
    progress = await workshop.progress(batch)
    assert progress.results.count("s") == 50 + 16  # eight seconds' worth of gmail
    assert statuses(progress)[0::2] == ["sent"] * 50
    assert "gmail has a limit" in await slowness(workshop, batch)
    assert await stall_of(workshop, batch) is None
    await workshop.queue.run(workshop.services)
    assert statuses(await workshop.progress(batch)) == ["sent"] * 100
    assert (await workshop.batch(batch)).status == "done"
    assert await slowness(workshop, batch) is None
    assert max(gmail_in(workshop)) <= 16
    assert set(workshop.relays.times_handed.values()) == {1}


async def test_only_the_slow_pass_gates(limited):
    workshop = await limited()
    await submit(workshop, *mixed(20))
    await workshop.queue.run(workshop.services)
    for stride, gates in zip(workshop.relays.strides, workshop.relays.gates, strict=True):
        slow = all("@gmail" in one.envelope.rcpt_to for one in stride)
        assert len(gates) == (len(stride) if slow else 0)


async def test_waiting_for_a_provider_costs_few_writes_and_no_busy_loop(limited):
    counter = Counter()
    workshop = await limited(0.5, counter)
    await submit(workshop, *[f"a{n}@gmail.com" for n in range(40)])
    counter.writes = 0
    await workshop.queue.run(workshop.services, until=timedelta(seconds=60))
    served = len(workshop.relays.handed)
    assert 20 <= served < 40
    assert counter.writes <= served + 5
    assert len(workshop.queue.made) <= served + 5


async def test_a_provider_that_complains_is_slowed_down_in_the_middle_of_a_chunk(workshop):
    workshop.policy = replace(workshop.policy, stride=50)
    workshop.services = workshop.worker("one")
    people = mixed(400)
    workshop.relays.say(people[1], TOO_FAST, ACCEPTED)
    batch = await submit(workshop, *people)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=2))
    progress = await workshop.progress(batch)
    assert statuses(progress)[0::2] == ["sent"] * 200
    assert progress.status(1).value == "deferred"
    assert 0 < statuses(progress)[1::2].count("queued") < 200
    assert "Unusual rate of mail" in await slowness(workshop, batch)
    await workshop.queue.run(workshop.services)
    assert statuses(await workshop.progress(batch)) == ["sent"] * 400
    assert max(gmail_in(workshop)[1:]) < 200


async def test_it_recovers_and_is_forgotten(workshop):
    workshop.services.throttle.heard("shared", [("a@gmail.com", TOO_FAST)], 1.0)
    assert workshop.services.throttle.gate("shared", "b@googlemail.com") is not None
    assert workshop.services.throttle.gate("shared", "b@example.net") is None
    assert workshop.services.throttle.gate("other pool", "b@gmail.com") is None
    workshop.clock.advance(301)
    assert workshop.services.throttle.gate("shared", "b@gmail.com") is None


async def test_a_single_send_waits_for_no_provider(limited):
    workshop = await limited(0.01)
    await submit(workshop, *[f"a{n}@gmail.com" for n in range(5)])
    await workshop.queue.run(workshop.services, until=timedelta(seconds=3))
    await sent(workshop, "b@gmail.com")
    await workshop.queue.run(workshop.services, until=timedelta(seconds=6))
    assert workshop.relays.times_handed["b@gmail.com"] == 1


async def test_only_one_chunk_at_a_time_serves_the_slow_and_no_other_waits_for_it(limited):
    """The first chunk is kept busy with a slow provider until the second has sent what is for others."""
    workshop = await limited()
    await submit(workshop, *[f"a{n}@gmail.com" for n in range(5)])
    await submit(workshop, *[f"b{n}@{'gmail.com' if n else 'example.net'}" for n in range(5)])
    released = asyncio.Event()

    async def hold(stride):
        people = [one.envelope.rcpt_to for one in stride]
        if "a0@gmail.com" in people:
            async with asyncio.timeout(30):
                await released.wait()
        if "b0@example.net" in people:
            released.set()

    workshop.relays.before = hold
    while early := [task for task in workshop.queue.waiting if task.verb != "deliver"]:
        workshop.queue.waiting.remove(early[0])
        await perform(workshop.services, early[0])
    delivers, workshop.queue.waiting = workshop.queue.waiting, []
    await asyncio.gather(*(perform(workshop.services, task) for task in delivers))
    await workshop.queue.run(workshop.services)
    assert len(workshop.relays.handed) == 10
    assert set(workshop.relays.times_handed.values()) == {1}
