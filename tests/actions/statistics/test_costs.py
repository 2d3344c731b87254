"""What batches and periods cost, told from what was written along."""

from datetime import timedelta

import pytest

from tests.actions.harness import DOMAIN, START, Harness, sent, unique
from warmpost.actions.statistics.costs import batch_usage, period_usage
from warmpost.actions.statistics.flush_usage import flush_usage
from warmpost.actions.statistics.statistics import StatisticsQuery, read_booked
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.adapters.google.metering import WORTH_A_WRITE, Metering
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.model.usage import REST, Usage

TODAY = START.date()
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def metering():
    return Metering()


@pytest.fixture
async def shop(store, metering):
    opened = await Harness(FirestoreStore(f"test-{unique()}", metering=metering)).open()
    opened.services = opened.worker("one", metering=metering)
    metering.draw(REST)
    return opened


async def spent(shop, question, grains=("batch",)):
    rows = await period_usage(shop.services, question, await read_booked(shop.services, question), grains)
    return {tuple(one.labels.values()): one.usage for one in rows}


async def test_submitting_is_part_of_the_batchs_cost(shop, metering):
    people = await shop.list_of(1000, 2)
    with metering.invocation("batch_submit"):
        inline = await shop.submit(6)
    with metering.invocation("batch_submit"):
        listed = await shop.submit_list(people)
    costs = [(await shop.batch(one)).cost for one in (inline, listed)]
    assert [one.writes for one in costs] == [3, 4]
    assert [one.invocations for one in costs] == [1, 1]


async def test_a_batch_has_cost_all_that_its_commits_wrote(shop, metering):
    batch_id = await shop.submit(6)
    await shop.queue.run(shop.services)
    found = await shop.store.get(Batch, f"batches/{batch_id}")
    usage = await batch_usage(shop.services, found)
    assert found.value.status == "done"
    assert found.value.cost.writes >= 3
    assert usage.writes > found.value.cost.writes
    assert (await spent(shop, StatisticsQuery(TODAY, TODAY)))[(batch_id,)] == usage


async def test_periods_and_filters_tell_costs_apart(shop):
    first, second = await shop.submit(3), await shop.submit(3)
    await sent(shop, "ann@example.net")
    await shop.queue.run(shop.services)
    assert set(await spent(shop, StatisticsQuery(TODAY, TODAY))) == {(first,), (second,), ("send",)}
    assert set(await spent(shop, StatisticsQuery(TODAY, TODAY, batch=first))) == {(first,)}
    by_day = await spent(shop, StatisticsQuery(TODAY, TODAY), ("day", "provider", "domain"))
    assert set(by_day) == {(TODAY.isoformat(), DOMAIN)}
    assert await spent(shop, StatisticsQuery(TOMORROW, TOMORROW)) == {}
    assert await spent(shop, StatisticsQuery(TODAY, TODAY, domain="other.example.com")) == {}


async def test_leftovers_are_written_once_they_are_worth_it(shop, metering):
    metering.give_back(REST, Usage(reads=WORTH_A_WRITE - 1))
    await flush_usage(shop.services)
    assert metering.kept[REST].reads == WORTH_A_WRITE - 1
    metering.give_back(REST, Usage(tasks=1))
    await flush_usage(shop.services)
    assert metering.kept == {}
    expected = Usage(reads=WORTH_A_WRITE - 1, writes=1, tasks=1)
    assert await spent(shop, StatisticsQuery(TODAY, TODAY)) == {(REST,): expected}
