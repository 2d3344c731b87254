"""The cap holds to the message: rivals, workers that end at any step, duplicates, lost tasks, volume that comes back."""

import asyncio
import contextlib
import uuid
from datetime import timedelta

import pytest

from tests.actions.faults import Fate, mortal_worker
from tests.actions.harness import (
    DOMAIN,
    SENDER,
    START,
    Harness,
    a_request,
    address,
    addresses,
    batch_order,
    send_order,
    signing_pool,
    template,
)
from tests.actions.warmup_harness import DAY, MINUTE, Season
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.batches.report import count_batch
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.operations import daily
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.errors import Conflict, LimitReached
from warmpost.rules.identity.domains import Domain, RelayPool
from warmpost.rules.model.relays import Relay
from warmpost.rules.model.writes import Put, Update
from warmpost.rules.requests.requests import RecipientOrder
from warmpost.rules.warmup.documents import PoolDay


@pytest.fixture
async def season(harness):
    return await Season(harness).begin(cap=10)


async def a_season(**warmup_state):
    return await Season(await Harness(FirestoreStore(f"test-{uuid.uuid4().hex[:12]}")).open()).begin(
        **warmup_state
    )


async def submit(season, first, count, services=None, **fields):
    people = tuple(RecipientOrder(address(n), {"name": f"N{n}"}) for n in range(first, first + count))
    order = batch_order(0, recipients=people, **fields)
    return (await submit_batch(services or season.services, order, a_request())).id


async def is_accepted(services, number):
    try:
        await send_message(services, send_order(f"single{number}@example.net"), a_request())
    except LimitReached as refusal:
        assert refusal.code == "daily_cap_reached"
        return False
    return True


async def test_a_worker_that_ends_at_any_step_of_releasing_breaks_no_cap_and_loses_nobody(store):
    reached = 0
    for step in range(2, 200, 2):  # behind one call is before the next
        season = await a_season(cap=5)
        fate = Fate(step)
        season.doomed = mortal_worker(season.harness, "doomed", fate)
        batch = await season.harness.submit_list(await season.harness.list_of(8, 2))
        await season.pass_until(START + 3 * DAY, season.crew(2))
        assert max(season.by_day.values()) <= 5, step
        assert season.harness.relays.times_handed == dict.fromkeys(addresses(*range(8)), 1), step
        assert (await season.harness.batch(batch)).status == "done", step
        assert season.by_day == {"11-23": 5, "11-24": 3}, step
        if not fate.is_over:
            break
        reached = step
    assert 40 < reached < 198


@pytest.mark.parametrize("seed", range(3))
async def test_with_every_fifth_task_twice_nobody_gets_two_and_no_day_more_than_its_cap(season, seed):
    season.random.seed(seed)
    crew = season.crew(4)
    batches = [await submit(season, n * 10, 6, crew[n % 4]) for n in range(5)]
    await season.pass_until(START + 6 * DAY, crew, daily=True, duplicates=0.2)
    assert season.by_day == {"11-23": 10, "11-24": 10, "11-25": 10}
    assert set(season.harness.relays.times_handed.values()) == {1}
    assert {(await season.harness.batch(one)).status for one in batches} == {"done"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
async def test_in_any_weather_no_day_exceeds_its_cap_and_nobody_gets_two_or_is_lost(season, seed):
    """Batches and singles at random times, tasks lost and repeated, releasing workers that end, pauses by hand."""
    dice = season.random
    dice.seed(seed)
    crew, batches, singles = season.crew(3), [], 0
    for hour in range(0, 48, 4):
        if dice.random() < 0.5:
            batches.append(await submit(season, 100 * len(batches), dice.randint(1, 14), dice.choice(crew)))
        if dice.random() < 0.5:
            season.doomed = mortal_worker(season.harness, "doomed", Fate(dice.randint(1, 60)))
        if batches and dice.random() < 0.3:
            with contextlib.suppress(Conflict):
                await dice.choice([pause_batch, resume_batch])(dice.choice(crew), dice.choice(batches))
        singles += sum([await is_accepted(dice.choice(crew), 1000 * seed + 10 * hour + n) for n in range(2)])
        if dice.random() < 0.2:
            season.lose_tasks()
        moment = START + timedelta(hours=hour, minutes=dice.randint(1, 200))
        await season.pass_until(moment, crew, daily=True, duplicates=0.2)
    for one in batches:
        with contextlib.suppress(Conflict):
            await resume_batch(season.services, one)
    await season.pass_until(START + 20 * DAY, crew, daily=True, duplicates=0.2)
    assert max(season.by_day.values()) <= 10, season.by_day
    assert set(season.met.values()) == {1}
    totals = [(await season.harness.batch(one)).total for one in batches]
    assert season.met.total() == sum(totals) + singles
    assert {(await season.harness.batch(one)).status for one in batches} == {"done"}


class TestSingleSends:
    async def test_they_count_and_are_refused_at_the_cap_until_midnight(self, season):
        await submit(season, 0, 8)
        await season.pass_until(START + MINUTE)
        assert [await is_accepted(season.services, n) for n in range(3)] == [True, True, False]
        with pytest.raises(LimitReached) as refusal:
            await send_message(season.services, send_order(), a_request())
        assert refusal.value.retry_after == pytest.approx(12 * 3600 - 60, abs=5)
        assert "10 of the domain's 10 for 2026-11-23 are used, 1 more wanted" in refusal.value.message
        season.clock.move_to(START + timedelta(hours=12))
        assert await is_accepted(season.services, 3)

    async def test_all_recipients_of_a_message_fit_or_none(self, season):
        await submit(season, 0, 8)
        await season.pass_until(START + MINUTE)
        three = send_order(*(f"t{n}@example.net" for n in range(3)))
        with pytest.raises(LimitReached):
            await send_message(season.services, three, a_request())
        assert (await season.warmup_state()).reserved == 8

    async def test_together_with_batches_and_many_processes_they_stay_within_the_cap(self, season):
        await season.begin(cap=100)
        crew = season.crew(5)
        for n in range(6):
            await submit(season, n * 10, 10, crew[n % 5])
        singles = asyncio.gather(*(is_accepted(crew[n % 5], n) for n in range(80)))
        _, accepted = await asyncio.gather(season.pass_until(START + timedelta(hours=2), crew), singles)
        await season.pass_until(START + timedelta(hours=4), crew)
        assert sum(accepted) < 80
        assert season.by_day["11-23"] == sum(accepted) + sum(
            address.startswith("r") for address in season.met
        )
        assert 95 <= season.by_day["11-23"] <= 100
        assert (await season.warmup_state()).reserved <= 100 + (await season.snapshot()).total.returned

    async def test_the_simulator_never_counts(self, season):
        for n in range(12):
            order = send_order(f"success+{n}@simulator.invalid")
            await send_message(season.services, order, a_request())
        assert (await season.warmup_state()).reserved == 0


class TestVolumeComesBack:
    async def test_of_the_suppressed(self, season):
        class Suppressed:
            async def among(self, asked, *_, **__):
                return dict.fromkeys(set(asked) & set(addresses(*range(4))), "manual")

        await submit(season, 0, 20)
        worker = season.harness.worker("w", suppressed=Suppressed())
        await season.pass_until(START + timedelta(hours=3), [worker])
        assert season.by_day == {"11-23": 10}
        assert season.met.keys() == set(addresses(*range(4, 14)))

    async def test_of_those_that_could_not_be_rendered(self, season):
        broken = template("Hello {{ name }}", "<p>{{ 1 / (name | length - 2) }}</p>")
        await season.store.commit(Put("templates/1", broken))
        batch = await submit(season, 0, 20)  # N0 to N9 have names of two letters
        await season.pass_until(START + timedelta(hours=3))
        assert season.by_day == {"11-23": 10}
        assert (await count_batch(season.services, await find_batch(season.services, batch)))["failed"] == 10

    async def test_of_the_simulated(self, season):
        people = [f"success+{n}@simulator.invalid" for n in range(7)] + addresses(*range(13))
        order = batch_order(0, recipients=tuple(RecipientOrder(one, {"name": "N"}) for one in people))
        await submit_batch(season.services, order, a_request())
        await season.pass_until(START + timedelta(hours=3))
        assert season.by_day == {"11-23": 10}

    async def test_of_a_batch_that_is_paused_and_then_cancelled(self, season):
        async def pause(claim_batch):
            season.harness.relays.before = None
            await pause_batch(season.services, first)

        season.harness.relays.before = pause
        first = await submit(season, 0, 10)
        await season.pass_until(START + MINUTE)
        await cancel_batch(season.services, first)
        await submit(season, 20, 10)
        await season.pass_until(START + timedelta(hours=3))
        assert season.by_day == {"11-23": 10}

    async def test_of_a_batch_that_is_cancelled(self, season):
        async def cancel(claim_batch):
            season.harness.relays.before = None
            await cancel_batch(season.services, first)

        season.harness.relays.before = cancel
        first = await submit(season, 0, 10)
        await season.pass_until(START + MINUTE)
        assert season.by_day == {"11-23": 3}
        await submit(season, 20, 10)
        await season.pass_until(START + timedelta(hours=3))
        assert season.by_day == {"11-23": 10}


class TestPools:
    async def bind(self, season, relay_cap, *relays, domain=DOMAIN):
        pool = RelayPool("own", tuple(relays), START, 1, relay_cap)
        await season.store.commit(Put("pools/own", pool), Update(f"domains/{domain}", {"pool": "own"}))

    async def test_the_smaller_of_both_caps_holds(self, season):
        await self.bind(season, 3, Relay("a", "127.0.0.1", 25), Relay("b", "127.0.0.1", 25))
        await submit(season, 0, 20)
        await season.pass_until(START + 4 * DAY, season.crew(2), daily=True)
        assert season.by_day == {"11-23": 6, "11-24": 6, "11-25": 6, "11-26": 2}
        (first, *_) = await season.history("paused")
        assert "6 of 6 today; pool cap reached" in first.reason

    async def test_it_holds_for_a_domain_that_is_warm(self, season):
        await season.begin(warmup=False)
        await self.bind(season, 4, Relay("a", "127.0.0.1", 25))
        await submit(season, 0, 10)
        await season.pass_until(START + timedelta(hours=3))
        assert season.by_day == {"11-23": 4}

    async def test_domains_of_one_pool_share_it(self, season):
        await season.begin(warmup=False)
        await self.bind(season, 4, Relay("a", "127.0.0.1", 25))
        key = signing_pool().new_key("rsa-sha256", "wp1", "other.example.com")
        other = Domain("other.example.com", "verified", (key,), (), START, pool="own")
        await season.store.commit(Put("domains/other.example.com", other))
        await submit(season, 0, 10)
        await submit(season, 20, 10, sender=SENDER.replace(DOMAIN, "other.example.com"))
        await season.pass_until(START + timedelta(hours=3), season.crew(3))
        assert season.by_day == {"11-23": 4}
        day = await season.store.get(PoolDay, "pools/own/days/2026-11-23")
        assert day.value.reserved == 4


class TestOrphans:
    async def test_a_batch_that_was_planned_and_never_released(self, season):
        batch = await submit(season, 0, 6)
        assert season.lose_tasks() == 1
        await season.pass_until(START + timedelta(hours=13), daily=True)
        assert season.by_day.total() == 6
        assert (await season.harness.batch(batch)).status == "done"

    async def test_a_batch_whose_deliveries_were_never_queued(self, season):
        batch = await submit(season, 0, 6)
        value = await find_batch(season.services, batch)
        moved = {"released": 6, "queued": 0, "days": {"0": "2026-11-23"}}
        await season.store.commit(Update(value.path, moved, value.version))
        season.lose_tasks()
        await season.pass_until(START + 2 * DAY, daily=True)
        assert season.met == dict.fromkeys(addresses(*range(6)), 1)

    async def test_a_chunk_whose_worker_vanished_with_its_task(self, season):
        fate = Fate()
        doomed = mortal_worker(season.harness, "doomed", fate)

        async def die(message):
            await season.note(message)
            fate.ends_at = fate.steps + 1

        season.harness.relays.each = die
        batch = await submit(season, 0, 6)
        await season.pass_until(START, [doomed])
        season.harness.relays.each = season.note
        season.lose_tasks()
        await season.pass_until(START + 2 * DAY, daily=True)
        counts = await count_batch(season.services, await find_batch(season.services, batch))
        assert counts["sent"] + counts["uncertain"] == 6
        assert counts["uncertain"] <= 3
        assert set(season.met.values()) == {1}
        assert (await season.harness.batch(batch)).status == "done"

    async def test_a_single_send_whose_task_was_never_created(self, season):
        assert await is_accepted(season.services, 0)
        season.lose_tasks("deliver")
        await season.pass_until(START + timedelta(hours=13), daily=True)
        assert season.met == {"single0@example.net": 1}

    async def test_more_orphans_than_fit_on_a_page(self, season, monkeypatch):
        monkeypatch.setattr(daily, "PAGE", 3)
        await season.begin(warmup=False)
        for n in range(8):
            await submit(season, n, 1)
        season.lose_tasks()
        season.clock.move_to(START + timedelta(hours=2))
        await daily.run_daily(season.services)
        await season.pass_until(START + timedelta(hours=3))
        assert len(season.met) == 8
