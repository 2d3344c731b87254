"""The lease on a chunk while its messages are with the relay, and a store that does not answer."""

import asyncio
from dataclasses import replace

import pytest

from tests.actions.faults import FaultyStore, no_answer
from tests.actions.workshop import statuses
from warmpost.actions.delivery import leases as claiming
from warmpost.actions.delivery.leases import Claims, LeaseLostError
from warmpost.errors import Unavailable
from warmpost.rules.delivery.documents import ProgressFields
from warmpost.rules.delivery.progress import Result
from warmpost.rules.delivery.statuses import Status

PATH = "batches/1/progress/000000"
SENT = Result(Status.SENT)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(claiming, "PAUSES", (0.0, 0.0, 0.0))


def claims_of(workshop, name, store=None, lease=15.0):
    policy = replace(workshop.policy, lease=lease)
    return Claims(workshop.worker(name, store=store, policy=policy), PATH, 4, in_message=False)


async def stored(workshop):
    found = await workshop.store.get(ProgressFields, PATH)
    return found.value if found else None


async def test_the_first_claim_makes_the_document_and_each_write_counts(workshop):
    claims = claims_of(workshop, "one")
    assert statuses(await claims.read()) == ["queued"] * 4
    await claims.claim({}, [0, 1])
    await claims.claim({0: SENT, 1: SENT}, [2])
    kept = await stored(workshop)
    assert (kept.results, kept.seq, kept.owner) == ("ss>.", 2, "one")
    assert kept.lease_until == workshop.clock.timestamp() + 15.0


async def test_of_two_claims_at_once_one_holds(workshop):
    both = [claims_of(workshop, name) for name in ("one", "two")]
    for claims in both:
        await claims.read()
    results = await asyncio.gather(*(one.claim({}, [0]) for one in both), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["LeaseLostError", "NoneType"]
    assert (await stored(workshop)).seq == 1


async def test_who_lost_the_lease_cannot_write_any_more_but_settle(workshop):
    one, two = claims_of(workshop, "one"), claims_of(workshop, "two")
    await one.read()
    await one.claim({}, [0, 1])
    await two.read()
    doubtful = replace(two.progress, results="uu..", owner="two")
    await two.write(doubtful)
    with pytest.raises(LeaseLostError):
        await one.claim({0: SENT}, [2])
    await one.settle({0: SENT, 1: Result(Status.QUEUED, tried=False), 2: SENT})
    assert (await stored(workshop)).results == "su.."


async def until(condition, patience=10.0):
    async with asyncio.timeout(patience):
        while not await condition():
            await asyncio.sleep(0.005)


async def test_the_lease_is_renewed_as_long_as_the_relay_takes(workshop):
    claims = claims_of(workshop, "one", lease=0.15)
    await claims.read()
    await claims.claim({}, [0])

    async def renewed_twice():
        return (await stored(workshop)).seq >= 3

    async with claims.kept_alive():
        workshop.clock.advance(100)
        await until(renewed_twice)
    kept = await stored(workshop)
    assert kept.lease_until == pytest.approx(workshop.clock.timestamp() + 0.15)
    assert kept.results == ">..."
    await claims.claim({0: SENT}, [1])
    assert (await stored(workshop)).results == "s>.."


async def test_a_renewal_that_fails_is_tried_again_with_the_next_beat(workshop):
    failing = [0]

    def fail_a_while(*writes):
        failing[0] += 1
        return no_answer() if 2 <= failing[0] <= 6 else None

    store = FaultyStore(workshop.store, fail_a_while, written=False)
    claims = claims_of(workshop, "one", store, lease=0.15)
    await claims.read()
    await claims.claim({}, [0])

    async def renewed():
        return (await stored(workshop)).seq >= 2

    async with claims.kept_alive():
        await until(renewed)
    assert failing[0] > 6


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("failures", [1, 2, 3])
async def test_a_write_is_repeated_while_the_store_does_not_answer(workshop, failures, written):
    left = [failures]

    def fail(*writes):
        left[0] -= 1
        return no_answer() if left[0] >= 0 else None

    claims = claims_of(workshop, "one", FaultyStore(workshop.store, fail, written))
    await claims.read()
    await claims.claim({}, [0, 1])
    await claims.close(claims.progress)
    kept = await stored(workshop)
    assert (kept.results, kept.seq, kept.owner) == (">>..", 2, "")


async def test_a_store_that_stays_silent_ends_the_work(workshop):
    claims = claims_of(workshop, "one", FaultyStore(workshop.store, lambda *_: no_answer(), written=False))
    await claims.read()
    with pytest.raises(Unavailable):
        await claims.claim({}, [0])
    assert await stored(workshop) is None
