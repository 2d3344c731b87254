"""What a domain keeps back for single sends, how many levels a day may raise, and its days as they are told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import DOMAIN, POLICY, START, Harness, a_request, batch_order, sent
from tests.actions.warmup_harness import DAY, MINUTE, RULES, Season
from warmpost.actions.batches.forecast_batch import forecast_recipients
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.operations.health import check_work
from warmpost.actions.storage.pagination import Page
from warmpost.actions.warmup.list_days import list_days
from warmpost.actions.warmup.manage_warmup import glance, list_history, report_warmup, set_warmup
from warmpost.errors import Invalid, LimitReached
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.warmup.levels import STANDARD, WarmupStanding

ONE_A_DAY = RULES.replace('"raises_per_day": 20', '"raises_per_day": 1')
AS_EARNED = RULES.replace('"raises_per_day": 20, ', "")


@pytest.fixture
async def season(harness):
    return await Season(harness).begin()


async def submit(season, count):
    await submit_batch(season.services, batch_order(count), a_request())
    await season.pass_until(season.clock.now() + 5 * MINUTE)


class TestReserve:
    async def test_a_batch_leaves_it_and_single_sends_use_it_up(self, season):
        await season.begin(cap=10, reserve=0.3)
        await submit(season, 20)
        assert season.by_day.total() == 7
        for number in range(3):
            await sent(season.harness, f"single{number}@example.net")
        with pytest.raises(LimitReached):
            await sent(season.harness, "one-more@example.net")
        await season.pass_until(START + 10 * MINUTE)
        assert season.by_day.total() == 10

    async def test_single_sends_that_take_more_leave_less_to_batches(self, season):
        await season.begin(cap=10, reserve=0.3)
        for number in range(5):
            await sent(season.harness, f"single{number}@example.net")
        await submit(season, 20)
        assert season.by_day.total() == 10

    async def test_the_rest_of_a_batch_goes_on_after_a_day(self, season):
        await season.begin(cap=10, reserve=0.3)
        await submit(season, 20)
        await season.pass_until(START + 2 * DAY + 10 * MINUTE, daily=True)
        assert [count for _, count in sorted(season.by_day.items())] == [7, 7, 6]

    async def test_a_forecast_reckons_with_it(self, season):
        await season.begin(cap=10, reserve=0.5)
        found = await forecast_recipients(season.services, DOMAIN, "fail", 12)
        assert [day.sent for day in found.days["level_stays"]] == [5, 5, 2]

    def test_a_part_of_a_message_counts_as_a_whole(self):
        assert WarmupStanding(cap_by_hand=5, reserve=0.1).batch_cap == 4
        assert WarmupStanding(cap_by_hand=5).batch_cap == 5
        assert WarmupStanding(warmup=False, reserve=0.5).batch_cap is None


class TestRaises:
    async def test_one_a_day_and_the_next_on_the_next_day(self, season):
        await season.begin(rules=ONE_A_DAY)
        await submit(season, 60)
        assert (await season.warmup_state()).level == 2
        assert season.by_day.total() == 10
        paused = (await season.history("paused"))[-1]
        assert "kept at 2: raised 1 level today, as many as a day may" in paused.reason
        await season.pass_until(START + DAY + 10 * MINUTE, daily=True)
        assert (await season.warmup_state()).level == 3

    async def test_without_reports_a_day_raises_one_level_unless_the_table_says_otherwise(self, store):
        harness = await Harness(store, policy=replace(POLICY, levels=STANDARD)).open()
        season = await Season(harness).begin(rules=AS_EARNED)
        await submit(season, 60)
        assert (await season.warmup_state()).level == 2
        assert (await report_warmup(season.services, DOMAIN))["raises_per_day"] == 1

    @pytest.mark.parametrize("relay", [{"reports": "events"}, {"final": True}])
    async def test_with_them_it_raises_as_many_as_are_earned(self, store, relay):
        harness = Harness(store)
        pool = Pool("shared", (Relay("r1", "127.0.0.1", 25, **relay),))
        harness.policy = replace(harness.policy, shared_pool=pool, levels=STANDARD)
        harness.services = harness.worker("one")
        season = await Season(await harness.open()).begin(rules=AS_EARNED)
        assert (await report_warmup(season.services, DOMAIN))["raises_per_day"] is None


class TestDays:
    async def test_they_tell_levels_volume_and_decisions(self, season):
        await season.begin(rules=ONE_A_DAY)
        await submit(season, 60)
        await season.pass_until(START + DAY + 10 * MINUTE, daily=True)
        today, first = await list_days(season.services, DOMAIN, START.date(), season.clock.now().date())
        assert (first.level_start, first.level_end, first.sent, first.cap) == (1, 2, 10, 10)
        assert (today.level_start, today.level_end) == (2, 3)
        assert first.rates["delivered"] == 1
        assert [one.kind for one in first.decisions][:2] == ["raised", "paused"]

    async def test_a_period_is_cut_and_checked(self, season):
        await submit(season, 3)
        later = START.date() + timedelta(days=2)
        assert await list_days(season.services, DOMAIN, later, later) == []
        with pytest.raises(Invalid) as wrong:
            await list_days(season.services, DOMAIN, later, START.date())
        assert wrong.value.code == "invalid_period"

    async def test_decisions_are_told_newest_first_a_page_at_a_time(self, season):
        for number in range(5):
            season.clock.advance(60)
            await set_warmup(season.services, DOMAIN, {"cap": number})
        caps, cursor = [], None
        while True:
            page = await list_history(season.services, DOMAIN, Page(2, cursor))
            caps += [one.value.cap for one in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert caps == [4, 3, 2, 1, 0]
        since, until = START + timedelta(seconds=120), START + timedelta(seconds=240)
        some = await list_history(season.services, DOMAIN, Page(10), since, until)
        assert [one.value.cap for one in some.items] == [2, 1]
        with pytest.raises(Invalid):
            await list_history(season.services, DOMAIN, Page(2, "x"))

    async def test_a_list_of_domains_shows_what_each_may_send(self, season):
        await submit(season, 8)
        seen = await glance(season.services, DOMAIN)
        assert (seen["level"], seen["sent_today"], seen["state"]) == (3, 8, "open")


class TestHealth:
    async def test_it_names_a_domain_whose_batches_leave_nothing_to_single_sends(self, season):
        await season.begin(cap=5)
        await submit(season, 20)
        assert (await check_work(season.services)).full == (DOMAIN,)
        with pytest.raises(LimitReached):
            await sent(season.harness, "late@example.net")
        await season.begin(cap=10, reserve=0.5)
        assert (await check_work(season.services)).full == ()
