"""A held recipient costs nothing, however many there are and however long they wait."""

import uuid
from datetime import timedelta

from tests.actions.harness import START, Harness
from tests.actions.warmup_harness import DAY, Season
from warmpost.adapters.google.firestore import FirestoreStore

HALF_A_DAY = timedelta(hours=12)


class Counted:
    """A meter."""

    def __init__(self):
        self.reads = self.writes = self.deletes = 0

    def read(self, documents):
        self.reads += documents

    def write(self, documents):
        self.writes += documents

    def delete(self, documents):
        self.deletes += documents


async def held(count, pages, cap):
    """A batch of that many in a season, after its first day, and the meter."""
    meter = Counted()
    harness = await Harness(FirestoreStore(f"test-{uuid.uuid4().hex[:12]}", meter)).open()
    season = await Season(harness).begin(cap=cap)
    await harness.submit_list(await harness.list_of(count, pages))
    await season.pass_until(START + HALF_A_DAY - timedelta(minutes=1))
    return season, meter


async def spent_in_five_days(count, pages, cap):
    season, meter = await held(count, pages, cap)
    before = meter.writes, len(season.queue.made)
    await season.pass_until(START + HALF_A_DAY + 5 * DAY, daily=True)
    after = meter.writes, len(season.queue.made)
    assert season.by_day.total() == 6 * cap
    return [now - then for now, then in zip(after, before, strict=True)]


async def test_fifty_thousand_held_for_days_cost_what_five_hundred_cost(store):
    many = await spent_in_five_days(50_000, 100, 3)
    few = await spent_in_five_days(500, 1, 3)
    assert many[0] == few[0]
    assert abs(many[1] - few[1]) <= 1  # two chunks' ends share a look, or just miss it
    writes, tasks = many
    assert writes <= 5 * 16  # a day's results are recorded before its figures: one write more
    assert tasks <= 5 * 36


async def test_a_domain_that_may_send_nothing_writes_next_to_nothing_in_a_week(store):
    season, meter = await held(2_000, 4, 0)
    before = meter.writes
    await season.pass_until(START + 7 * DAY, daily=True)
    assert season.by_day.total() == 0
    assert meter.writes - before <= 7 * 8
