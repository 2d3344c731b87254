"""The lease on a chunk while its messages are with the relay, and a store that does not answer."""

import asyncio
from dataclasses import replace

import pytest

from tests.actions.faults import FaultyStore, no_answer
from tests.actions.harness import statuses
from warmpost.actions.delivery import leases as claiming
from warmpost.actions.delivery.leases import Lease, LeaseLostError
from warmpost.errors import Unavailable
from warmpost.rules.delivery.documents import ProgressFields
from warmpost.rules.delivery.progress import Result
from warmpost.rules.delivery.statuses import Status

PATH = "batches/1/progress/000000"
SENT = Result(Status.SENT)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(claiming, "PAUSES", (0.0, 0.0, 0.0))


def lease_of(harness, name, store=None, lease=15.0):
    policy = replace(harness.policy, lease=lease)
    return Lease(harness.worker(name, store=store, policy=policy), PATH, 4, in_message=False)


async def stored(harness):
    found = await harness.store.get(ProgressFields, PATH)
    return found.value if found else None


async def test_the_first_claim_makes_the_document_and_each_write_counts(harness):
    lease = lease_of(harness, "one")
    assert statuses(await lease.read()) == ["queued"] * 4
    await lease.claim({}, [0, 1])
    await lease.claim({0: SENT, 1: SENT}, [2])
    kept = await stored(harness)
    assert (kept.results, kept.seq, kept.owner) == ("ss>.", 2, "one")
    assert kept.lease_until == harness.clock.timestamp() + 15.0


async def test_of_two_claims_at_once_one_holds(harness):
    both = [lease_of(harness, name) for name in ("one", "two")]
    for lease in both:
        await lease.read()
    results = await asyncio.gather(*(one.claim({}, [0]) for one in both), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["LeaseLostError", "NoneType"]
    assert (await stored(harness)).seq == 1


async def test_who_lost_the_lease_cannot_write_any_more_but_settle(harness):
    one, two = lease_of(harness, "one"), lease_of(harness, "two")
    await one.read()
    await one.claim({}, [0, 1])
    await two.read()
    doubtful = replace(two.progress, results="uu..", owner="two")
    await two.write(doubtful)
    with pytest.raises(LeaseLostError):
        await one.claim({0: SENT}, [2])
    await one.settle({0: SENT, 1: Result(Status.QUEUED, tried=False), 2: SENT})
    assert (await stored(harness)).results == "st.."


async def until(condition, patience=10.0):
    async with asyncio.timeout(patience):
        while not await condition():
            await asyncio.sleep(0.005)


async def test_the_lease_is_renewed_as_long_as_the_relay_takes(harness):
    lease = lease_of(harness, "one", lease=0.15)
    await lease.read()
    await lease.claim({}, [0])

    async def renewed_twice():
        return (await stored(harness)).seq >= 3

    async with lease.kept_alive():
        harness.clock.advance(100)
        await until(renewed_twice)
    kept = await stored(harness)
    assert kept.lease_until == pytest.approx(harness.clock.timestamp() + 0.15)
    assert kept.results == ">..."
    await lease.claim({0: SENT}, [1])
    assert (await stored(harness)).results == "s>.."


async def test_a_renewal_that_fails_is_tried_again_with_the_next_beat(harness):
    failing = [0]

    def fail_a_while(*writes):
        failing[0] += 1
        return no_answer() if 2 <= failing[0] <= 6 else None

    store = FaultyStore(harness.store, fail_a_while, written=False)
    lease = lease_of(harness, "one", store, lease=0.15)
    await lease.read()
    await lease.claim({}, [0])

    async def renewed():
        return (await stored(harness)).seq >= 2

    async with lease.kept_alive():
        await until(renewed)
    assert failing[0] > 6


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("failures", [1, 2, 3])
async def test_a_write_is_repeated_while_the_store_does_not_answer(harness, failures, written):
    left = [failures]

    def fail(*writes):
        left[0] -= 1
        return no_answer() if left[0] >= 0 else None

    lease = lease_of(harness, "one", FaultyStore(harness.store, fail, written))
    await lease.read()
    await lease.claim({}, [0, 1])
    await lease.close(lease.progress)
    kept = await stored(harness)
    assert (kept.results, kept.seq, kept.owner) == (">>..", 2, "")


async def test_a_store_that_stays_silent_ends_the_work(harness):
    lease = lease_of(harness, "one", FaultyStore(harness.store, lambda *_: no_answer(), written=False))
    await lease.read()
    with pytest.raises(Unavailable):
        await lease.claim({}, [0])
    assert await stored(harness) is None
