from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import DOMAIN, POLICY, START, Harness, a_request, batch_order, sent
from tests.actions.report_builders import (
    FULL,
    GRAINS,
    NO_USER,
    batch_lines,
    day_counters_of,
    ingest,
    lines_of_message,
    of_batch,
    of_message,
    recount,
    report,
    statistics,
    without_totals,
)
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.statistics.statistics import MOST_DAYS, StatisticsQuery, ask_statistics
from warmpost.errors import Invalid
from warmpost.rules.identity.domains import Domain
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.writes import Put
from warmpost.rules.requests.requests import RecipientOrder
from warmpost.rules.warmup.documents import WarmupState

PEOPLE = ("a@gmail.com", "b@gmail.com", "c@qq.com", "d@example.org", "e@163.com", "success@simulator.invalid")
OTHER = "other.example.com"
DAY = START.date().isoformat()


async def people(harness, domain=DOMAIN):
    order = replace(
        batch_order(0),
        sender=f"x@{domain}",
        recipients=tuple(RecipientOrder(to, {"name": "N"}) for to in PEOPLE),
    )
    batch = (await submit_batch(harness.services, order, a_request())).id
    await harness.queue.run(harness.services)
    return batch


async def second_domain(harness):
    found = await harness.store.get(Domain, f"domains/{DOMAIN}")
    await harness.store.commit(
        Put(f"domains/{OTHER}", replace(found.value, domain=OTHER)),
        Put(f"warmup/{OTHER}", WarmupState(warmup=False)),
    )


class TestSums:
    async def test_figures_are_the_sum_over_recipients_by_day_domain_provider_and_batch(self, harness):
        await second_domain(harness)
        first, second = await people(harness), await people(harness, OTHER)
        message = await sent(harness, "f@gmail.com", "g@web.de")
        await harness.queue.run(harness.services)
        await ingest(
            harness,
            report("delivered", of_batch(first, 0)),
            report("bounced", of_batch(first, 1), **NO_USER),
            report("opened", of_batch(first, 0)),
            report("complained", of_batch(second, 2)),
            report("delivered", of_message(message, 1)),
            report("clicked", of_message(message, 1)),
        )
        expected = (
            recount(DOMAIN, first, await batch_lines(harness, first))
            | recount(OTHER, second, await batch_lines(harness, second))
            | recount(DOMAIN, "send", await lines_of_message(harness, message))
        )
        mail = {labels: one for labels, one in expected.items() if labels[2] != "simulator"}
        played = {labels: one for labels, one in expected.items() if labels[2] == "simulator"}
        assert without_totals(await statistics(harness)) == mail
        assert without_totals(await statistics(harness, provider="simulator")) == played

    async def test_coarser_rows_are_sums_of_finer_ones(self, harness):
        await people(harness)
        await sent(harness, "f@gmail.com")
        await harness.queue.run(harness.services)
        fine = await statistics(harness)
        for at, group_by in enumerate(GRAINS):
            coarse = await statistics(harness, (group_by,))
            for (label,), figures in coarse.items():
                mine = [one for labels, one in fine.items() if labels[at] == label]
                for name, number in figures.items():
                    assert sum(one.get(name, 0) for one in mine) == number

    async def test_filters_leave_the_rest_out(self, harness):
        await second_domain(harness)
        first, _ = await people(harness), await people(harness, OTHER)
        day = (("day",),)
        assert (await statistics(harness, *day))[DAY,]["requested"] == 10
        assert (await statistics(harness, *day, domain=OTHER))[DAY,]["requested"] == 5
        assert (await statistics(harness, *day, provider="gmail"))[DAY,]["requested"] == 4
        assert (await statistics(harness, *day, batch=first))[DAY,]["requested"] == 5
        assert (await statistics(harness, *day, provider="simulator", batch=first))[DAY,] == {
            "requested": 1, "delivered": 1,
        }  # fmt: skip


class TestDays:
    async def test_late_reports_count_on_the_day_the_mail_was_sent(self, harness):
        batch = await people(harness)
        harness.clock.advance(timedelta(days=1).total_seconds())
        await ingest(harness, report("delivered", of_batch(batch, 0), seconds=86_000))
        assert list(await statistics(harness, ("day",))) == [(DAY,)]
        assert (await statistics(harness, ("day",)))[DAY,]["delivered"] == 1

    async def test_a_period_has_both_its_days_and_none_beside_them(self, harness):
        await people(harness)
        today = START.date()
        for first, last, rows in ((-1, 0, 1), (0, 0, 1), (0, 1, 1), (1, 2, 0), (-2, -1, 0)):
            question = StatisticsQuery(today + timedelta(first), today + timedelta(last))
            assert len(await ask_statistics(harness.services, question)) == rows

    @pytest.mark.parametrize(("days", "field"), [(-1, "to"), (MOST_DAYS, "from")])
    async def test_periods_that_are_none_are_refused(self, harness, days, field):
        today = START.date()
        with pytest.raises(Invalid) as refused:
            await ask_statistics(harness.services, StatisticsQuery(today, today + timedelta(days)))
        assert refused.value.field == field


class TestRates:
    async def test_rates_are_shares_of_what_is_known(self, harness):
        batch = await people(harness)
        await ingest(
            harness,
            report("bounced", of_batch(batch, 0), **FULL),
            report("complained", of_batch(batch, 1)),
            report("opened", of_batch(batch, 2)),
        )
        (row,) = await ask_statistics(harness.services, StatisticsQuery(START.date(), START.date()))
        assert row.rates == {
            "delivered": 0.8, "reported": 0.25, "bounced": 0.2,
            "complained": 0.25, "opened": 0.25, "clicked": 0.0, "unsubscribed": 0.0,
        }  # fmt: skip

    async def test_without_a_denominator_there_is_no_rate(self, harness):
        assert await ask_statistics(harness.services, StatisticsQuery(START.date(), START.date())) == []


class TestReputation:
    """The figures that levels are decided by."""

    @pytest.mark.parametrize(
        ("reports", "before", "after"),
        [
            (
                "none",
                {"accepted_unreported": 5, "tracked_delivered": 5},
                {"accepted_unreported": 3, "delivered": 1, "tracked_delivered": 4},
            ),
            ("events", {}, {"delivered": 1, "tracked_delivered": 1}),
        ],
    )
    async def test_a_relay_that_reports_nothing_has_delivered_one_that_reports_says_so(
        self, store, reports, before, after
    ):
        relay = Relay("r1", "127.0.0.1", 25, reports=reports)
        harness = await Harness(store, policy=replace(POLICY, shared_pool=Pool("shared", (relay,)))).open()
        batch = await people(harness)
        all_days = {"attempted": 5, "returned": 1, "settled": 6}
        assert await day_counters_of(harness, DOMAIN) == all_days | before
        await ingest(
            harness,
            report("delivered", of_batch(batch, 0)),
            report("bounced", of_batch(batch, 1), **NO_USER),
            report("complained", of_batch(batch, 5)),
        )
        bounced = {"bounced": 1, "hard_bounced_unknown": 1}
        assert await day_counters_of(harness, DOMAIN) == all_days | after | bounced
