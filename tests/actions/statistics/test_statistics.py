from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.reporting import (
    FULL,
    NO_USER,
    batch_lines,
    fold,
    lines_of_message,
    of_batch,
    of_message,
    recount,
    report,
    statistics,
    tally_of,
    without_totals,
)
from tests.actions.workshop import DOMAIN, POLICY, START, Workshop, a_request, batch_order, sent
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.statistics.statistics import GRAINS, MOST_DAYS, Question, ask_statistics
from warmpost.errors import Invalid
from warmpost.rules.identity.domains import Domain
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.writes import Put
from warmpost.rules.requests.requests import RecipientOrder
from warmpost.rules.warmup.documents import Warmth

PEOPLE = ("a@gmail.com", "b@gmail.com", "c@qq.com", "d@example.org", "e@163.com", "success@simulator.invalid")
OTHER = "other.example.com"
DAY = START.date().isoformat()


async def people(workshop, domain=DOMAIN):
    order = replace(
        batch_order(0),
        sender=f"x@{domain}",
        recipients=tuple(RecipientOrder(to, {"name": "N"}) for to in PEOPLE),
    )
    batch = (await submit_batch(workshop.services, order, a_request())).id
    await workshop.queue.run(workshop.services)
    return batch


async def second_domain(workshop):
    found = await workshop.store.get(Domain, f"domains/{DOMAIN}")
    await workshop.store.commit(
        Put(f"domains/{OTHER}", replace(found.value, domain=OTHER)),
        Put(f"warmth/{OTHER}", Warmth(warmup=False)),
    )


class TestSums:
    async def test_figures_are_the_sum_over_recipients_by_day_domain_provider_and_batch(self, workshop):
        await second_domain(workshop)
        first, second = await people(workshop), await people(workshop, OTHER)
        message = await sent(workshop, "f@gmail.com", "g@web.de")
        await workshop.queue.run(workshop.services)
        await fold(
            workshop,
            report("delivered", of_batch(first, 0)),
            report("bounced", of_batch(first, 1), **NO_USER),
            report("opened", of_batch(first, 0)),
            report("complained", of_batch(second, 2)),
            report("delivered", of_message(message, 1)),
            report("clicked", of_message(message, 1)),
        )
        expected = (
            recount(DOMAIN, first, await batch_lines(workshop, first))
            | recount(OTHER, second, await batch_lines(workshop, second))
            | recount(DOMAIN, "send", await lines_of_message(workshop, message))
        )
        mail = {labels: one for labels, one in expected.items() if labels[2] != "simulator"}
        played = {labels: one for labels, one in expected.items() if labels[2] == "simulator"}
        assert without_totals(await statistics(workshop)) == mail
        assert without_totals(await statistics(workshop, provider="simulator")) == played

    async def test_coarser_rows_are_sums_of_finer_ones(self, workshop):
        await people(workshop)
        await sent(workshop, "f@gmail.com")
        await workshop.queue.run(workshop.services)
        fine = await statistics(workshop)
        for at, grain in enumerate(GRAINS):
            coarse = await statistics(workshop, (grain,))
            for (label,), figures in coarse.items():
                mine = [one for labels, one in fine.items() if labels[at] == label]
                for name, number in figures.items():
                    assert sum(one.get(name, 0) for one in mine) == number

    async def test_filters_leave_the_rest_out(self, workshop):
        await second_domain(workshop)
        first, _ = await people(workshop), await people(workshop, OTHER)
        day = (("day",),)
        assert (await statistics(workshop, *day))[DAY,]["requested"] == 10
        assert (await statistics(workshop, *day, domain=OTHER))[DAY,]["requested"] == 5
        assert (await statistics(workshop, *day, provider="gmail"))[DAY,]["requested"] == 4
        assert (await statistics(workshop, *day, batch=first))[DAY,]["requested"] == 5
        assert (await statistics(workshop, *day, provider="simulator", batch=first))[DAY,] == {
            "requested": 1, "delivered": 1,
        }  # fmt: skip


class TestDays:
    async def test_late_reports_count_on_the_day_the_mail_was_sent(self, workshop):
        batch = await people(workshop)
        workshop.clock.advance(timedelta(days=1).total_seconds())
        await fold(workshop, report("delivered", of_batch(batch, 0), seconds=86_000))
        assert list(await statistics(workshop, ("day",))) == [(DAY,)]
        assert (await statistics(workshop, ("day",)))[DAY,]["delivered"] == 1

    async def test_a_period_has_both_its_days_and_none_beside_them(self, workshop):
        await people(workshop)
        today = START.date()
        for first, last, rows in ((-1, 0, 1), (0, 0, 1), (0, 1, 1), (1, 2, 0), (-2, -1, 0)):
            question = Question(today + timedelta(first), today + timedelta(last))
            assert len(await ask_statistics(workshop.services, question)) == rows

    @pytest.mark.parametrize(("days", "field"), [(-1, "to"), (MOST_DAYS, "from")])
    async def test_periods_that_are_none_are_refused(self, workshop, days, field):
        today = START.date()
        with pytest.raises(Invalid) as refused:
            await ask_statistics(workshop.services, Question(today, today + timedelta(days)))
        assert refused.value.field == field


class TestRates:
    async def test_rates_are_shares_of_what_is_known(self, workshop):
        batch = await people(workshop)
        await fold(
            workshop,
            report("bounced", of_batch(batch, 0), **FULL),
            report("complained", of_batch(batch, 1)),
            report("opened", of_batch(batch, 2)),
        )
        (row,) = await ask_statistics(workshop.services, Question(START.date(), START.date()))
        assert row.rates == {
            "delivered": 0.8, "bounced": 0.2, "complained": 0.25, "opened": 0.25, "clicked": 0.0, "unsubscribed": 0.0,
        }  # fmt: skip

    async def test_without_a_denominator_there_is_no_rate(self, workshop):
        assert await ask_statistics(workshop.services, Question(START.date(), START.date())) == []


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
        workshop = await Workshop(store, policy=replace(POLICY, shared_pool=Pool("shared", (relay,)))).open()
        batch = await people(workshop)
        all_days = {"attempted": 5, "returned": 1, "settled": 6}
        assert await tally_of(workshop, DOMAIN) == all_days | before
        await fold(
            workshop,
            report("delivered", of_batch(batch, 0)),
            report("bounced", of_batch(batch, 1), **NO_USER),
            report("complained", of_batch(batch, 5)),
        )
        bounced = {"bounced": 1, "hard_bounced_unknown": 1}
        assert await tally_of(workshop, DOMAIN) == all_days | after | bounced
