"""A forecast against what then happens."""

from datetime import timedelta

import pytest

from tests.actions.harness import REFUSED, START, address, batch_order
from tests.actions.warmup_harness import DAY, MINUTE, Season
from warmpost.actions.batches.forecast_batch import forecast_batch, forecast_order
from warmpost.actions.delivery.find import find_batch
from warmpost.errors import Conflict, Problem
from warmpost.rules.delivery.documents import Batch


@pytest.fixture
async def season(harness):
    return await Season(harness).begin()


def by_day(days):
    return {f"{day.date:%m-%d}": day.sent for day in days}


async def test_a_level_that_stays_sends_as_foreseen(season):
    await season.begin(cap=7)
    foreseen = await forecast_order(season.services, batch_order(30))
    assert by_day(foreseen.days["level_stays"]) == {
        **{"11-23": 7, "11-24": 7, "11-25": 7, "11-26": 7},
        "11-27": 2,
    }
    await season.harness.submit(30)
    await season.pass_until(START + 6 * DAY, daily=True)
    assert season.by_day == by_day(foreseen.days["level_stays"])


async def test_good_figures_raise_as_foreseen(season):
    foreseen = await forecast_order(season.services, batch_order(70))
    await season.harness.submit(70)
    await season.pass_until(START + MINUTE)
    (day,) = foreseen.days["figures_good"]
    assert season.by_day == {"11-23": day.sent}
    raised = [one.reason.partition(" sent")[0] for one in await season.history("raised")]
    assert raised == [one.reason.partition(" sent")[0] for one in day.decisions]


async def test_figures_that_stay_are_those_of_the_first_day(season):
    for number in range(0, 40, 10):
        season.harness.relays.say(address(number), REFUSED)
    await season.begin(cap=10)
    batch = await season.harness.submit(40)
    await season.pass_until(START + timedelta(hours=11))
    foreseen = await forecast_batch(season.services, await find_batch(season.services, batch))
    assert foreseen.remaining == 30
    assert by_day(foreseen.days["figures_stay"]) == {"11-24": 10, "11-25": 10, "11-26": 10}
    season.by_day.clear()
    await season.pass_until(START + 5 * DAY, daily=True)
    assert season.by_day == by_day(foreseen.days["figures_stay"])


async def test_a_forecast_stores_nothing(season):
    before = await season.store.count("batches")
    await forecast_order(season.services, batch_order(30))
    assert await season.store.count("batches") == before == 0
    assert not season.queue.made
    assert (await season.warmup_state()).reserved == 0


async def test_an_order_that_could_not_be_submitted_has_no_forecast(season):
    with pytest.raises(Problem):
        await forecast_order(season.services, batch_order(3, template="missing"))


async def test_a_batch_that_has_ended_has_no_forecast(season):
    batch = await season.harness.submit(3)
    await season.pass_until(START + MINUTE)
    stored = await season.store.get(Batch, f"batches/{batch}")
    with pytest.raises(Conflict) as refusal:
        await forecast_batch(season.services, stored)
    assert refusal.value.code == "batch_done"
