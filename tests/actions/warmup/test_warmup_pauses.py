"""A domain at its cap: pauses there to the message, goes on after 24 hours, or at once when its level rises."""

import asyncio
from datetime import timedelta

import pytest

from tests.actions.harness import ACCEPTED, DOMAIN, REFUSED, START, a_request, address, batch_order
from tests.actions.warmup_harness import DAY, MINUTE, Season
from warmpost.actions.batches.report import count_batch, read_pace
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.operations.daily import run_daily
from warmpost.actions.warmup.manage_warmup import set_warmup
from warmpost.rules.delivery.envelope import HandOver, Outcome, Reply
from warmpost.rules.requests.requests import RecipientOrder

SPAM = Outcome(HandOver.REFUSED, "r1", Reply(550, "5.7.1", "Message rejected as spam"))
FULL = Outcome(HandOver.REFUSED, "r1", Reply(552, "5.2.2", "Mailbox full"))
UNSURE = Outcome(HandOver.IN_DOUBT, "r1", None, "time-out after DATA")


@pytest.fixture
async def season(harness):
    return await Season(harness).begin()


def order_to(first, count, **fields):
    people = tuple(RecipientOrder(address(n), {"name": f"N{n}"}) for n in range(first, first + count))
    return batch_order(0, recipients=people, **fields)


async def submit(season, first, count, services=None, **fields):
    made = await submit_batch(services or season.services, order_to(first, count, **fields), a_request())
    return made.id


async def found(season, batch_id):
    return await find_batch(season.services, batch_id)


async def test_ten_batches_at_once_pause_at_exactly_the_cap(season):
    await season.begin(cap=37)
    crew = season.crew(4)
    batches = await asyncio.gather(*(submit(season, n * 10, 10, crew[n % 4]) for n in range(10)))
    await season.pass_until(START + timedelta(hours=11), crew)
    assert season.by_day == {"11-23": 37}
    assert (await season.warmup_state()).reserved == 37
    statuses = [(await read_pace(season.services, await found(season, one))).status for one in batches]
    assert statuses.count("paused") >= 6
    await season.pass_until(START + 3 * DAY, crew)
    assert season.by_day == {"11-23": 37, "11-24": 37, "11-25": 26}
    assert set(season.met.values()) == {1}
    assert {(await season.harness.batch(one)).status for one in batches} == {"done"}


async def test_a_pause_ends_after_24_hours_and_not_a_minute_before(season):
    await season.begin(cap=5)
    batch = await submit(season, 0, 10)
    await season.pass_until(START + MINUTE)
    until = (await season.warmup_state()).pause.until
    assert START + DAY <= until <= START + DAY + timedelta(seconds=10)
    await season.pass_until(until - MINUTE, daily=True)
    assert season.by_day.total() == 5
    pace = await read_pace(season.services, await found(season, batch))
    assert (pace.status, pace.paused_until) == ("paused", until)
    await season.pass_until(until, daily=True)
    assert season.by_day == {"11-23": 5, "11-24": 5}


async def test_a_worker_whose_clock_is_behind_the_queues_resumes_all_the_same(season):
    class Behind:
        def now(self):
            return season.clock.now() - timedelta(seconds=0.2)

        def timestamp(self):
            return self.now().timestamp()

    await season.begin(cap=5)
    await submit(season, 0, 10)
    worker = season.harness.worker("behind", clock=Behind())
    await season.pass_until(START + MINUTE, [worker])
    until = (await season.warmup_state()).pause.until
    await season.pass_until(until + timedelta(seconds=5), [worker])
    assert season.by_day == {"11-23": 5, "11-24": 5}


async def test_one_task_waits_for_the_end_of_a_pause_however_many_batches(season):
    await season.begin(cap=5)
    for n in range(4):
        await submit(season, n * 10, 10)
    await season.pass_until(START + MINUTE)
    assert [(one.verb, one.at) for one in season.queue.waiting] == [
        ("assess", (await season.warmup_state()).pause.until)
    ]


async def test_good_figures_raise_the_level_again_and_again_without_a_pause(season):
    batch = await submit(season, 0, 70)
    await season.pass_until(START + MINUTE, season.crew(2))
    assert season.by_day == {"11-23": 70}
    assert (await season.harness.batch(batch)).status == "done"
    raised = await season.history("raised")
    assert [one.level_after for one in raised] == [2, 3, 4, 5]
    assert raised[0].reason.startswith("raised 1→2: 5 of 5 sent (100 %), outcome known 100 %, invalid 0 %")
    assert not await season.history("paused")


async def test_the_history_of_a_pause_says_what_keeps_the_domain_down(season):
    season.harness.relays.say(address(0), FULL)
    await submit(season, 0, 10)
    await season.pass_until(START + MINUTE)
    (paused,) = await season.history("paused")
    assert "domain cap reached, paused until 2026-11-24T12:00:" in paused.reason
    assert "kept at 1: U1 lacks delivered > 92 % (now 80 %)" in paused.reason


async def test_a_raise_by_later_figures_lifts_a_pause_at_once(season):
    season.harness.relays.everybody = UNSURE
    await submit(season, 0, 12)
    await season.pass_until(START + timedelta(hours=3))
    assert season.by_day.total() == 5
    season.harness.relays.everybody = ACCEPTED
    await season.report(delivered=5)
    assert season.by_day == {"11-23": 12}
    kinds = [one.kind for one in await season.history()]
    assert kinds[:2] == ["paused", "raised"]
    assert (await season.warmup_state()).pause is None


@pytest.mark.parametrize("by_hand", [{"level": 2}, {"cap": 12}, {"warmup": False}])
async def test_an_operator_who_gives_more_room_lifts_a_pause_at_once(season, by_hand):
    season.harness.relays.say(address(0), FULL)
    await submit(season, 0, 10)
    await season.pass_until(START + timedelta(hours=3))
    assert season.by_day.total() == 5
    await set_warmup(season.services, DOMAIN, by_hand)
    await season.pass_until(START + timedelta(hours=3, seconds=5))
    assert season.by_day == {"11-23": 10}
    assert (await season.history("set"))[0].reason == "set by hand: " + ", ".join(
        f"{name} {str(value).lower()}" for name, value in by_hand.items()
    )


async def test_bad_figures_cost_one_level_from_the_next_day_on(season):
    await season.begin(level=3)
    for n in (3, 13):
        season.harness.relays.say(address(n), REFUSED)
    await submit(season, 0, 60)
    await season.pass_until(START + timedelta(hours=11))
    assert (await season.snapshot()).standing.level == 3
    await season.pass_until(START + DAY + timedelta(hours=11), daily=True)
    assert season.by_day["11-23"] == 20
    (lowered,) = await season.history("lowered")
    assert lowered.reason == "lowered 3→2 from 2026-11-24: 20 sent, invalid 10 %; rule D1"
    assert season.by_day["11-24"] >= 10


class TestBlocked:
    @pytest.mark.parametrize(("refusal", "rule"), [(REFUSED, "B1"), (SPAM, "B2")])
    async def test_a_block_fails_what_is_unsent_with_its_reason(self, season, refusal, rule):
        season.harness.relays.everybody = refusal
        batches = [await submit(season, 0, 12), await submit(season, 20, 6)]
        await season.pass_until(START + timedelta(hours=1))
        assert season.by_day.total() == 5
        failed = 0
        for one in batches:
            value = await season.harness.batch(one)
            assert value.status == "failed"
            assert value.reason.startswith("blocked for the rest of 2026-11-23: 5 sent")
            assert value.reason.endswith(f"rule {rule}")
            failed += (await count_batch(season.services, await found(season, one)))["failed"]
        assert failed == 13
        assert [one.rule for one in await season.history("blocked")] == [rule]

    async def test_a_batch_submitted_while_the_domain_is_blocked_fails_or_waits_as_it_wishes(self, season):
        season.harness.relays.everybody = REFUSED
        await submit(season, 0, 5)
        await season.pass_until(START + MINUTE)
        fails, waits = await submit(season, 10, 5), await submit(season, 20, 5, on_block="hold")
        await season.pass_until(START + timedelta(hours=11))
        assert (await season.harness.batch(fails)).status == "failed"
        assert (await season.harness.batch(fails)).reason.endswith("rule B1")
        season.harness.relays.everybody = ACCEPTED
        await season.pass_until(START + DAY, daily=True)
        assert (await season.harness.batch(waits)).status == "done"

    async def test_a_block_ends_with_the_day_for_batches_that_hold(self, season):
        season.harness.relays.everybody = REFUSED
        batch = await submit(season, 0, 12, on_block="hold")
        await season.pass_until(START + timedelta(hours=11, minutes=59))
        assert season.by_day == {"11-23": 5}
        value = await season.harness.batch(batch)
        assert value.status == "sending"
        season.harness.relays.everybody = ACCEPTED
        await season.pass_until(START + 2 * DAY, daily=True)
        assert season.met.total() == 12
        assert season.by_day["11-24"] == 7
        assert (await season.harness.batch(batch)).status == "done"


class TestDaily:
    async def test_it_releases_what_is_overdue_where_the_resume_task_was_lost(self, season):
        await season.begin(cap=5)
        await submit(season, 0, 10)
        await season.pass_until(START + timedelta(hours=1))
        assert season.lose_tasks() == 1
        await season.pass_until(START + DAY + timedelta(hours=11), daily=False)
        assert season.by_day.total() == 5
        await season.pass_until(START + DAY + timedelta(hours=13), daily=True)
        assert season.by_day == {"11-23": 5, "11-25": 5}

    async def test_twice_or_three_days_late_it_does_each_thing_once(self, season):
        await season.begin(level=3)
        for n in (3, 13):
            season.harness.relays.say(address(n), REFUSED)
        await submit(season, 0, 20)
        await season.pass_until(START + timedelta(hours=1))
        season.lose_tasks()
        season.clock.move_to(START + 3 * DAY)
        await asyncio.gather(*(run_daily(one) for one in season.crew(2)))
        await season.pass_until(START + 3 * DAY + MINUTE, season.crew(2), duplicates=1.0)
        await run_daily(season.services)
        await season.pass_until(START + 3 * DAY + 2 * MINUTE)
        assert (await season.warmup_state()).level == 2
        assert len(await season.history("lowered")) == 1
        assert season.by_day == {"11-23": 20}

    async def test_a_day_without_mail_costs_nothing(self, season):
        await season.begin(level=3)
        await season.pass_until(START + 4 * DAY, daily=True)
        assert (await season.snapshot()).standing.level == 3
        assert not await season.history()
