"""Recipients who were released on one day and leave on another take up the volume of the day they leave on."""

from datetime import timedelta

import pytest

from tests.actions.harness import ACCEPTED, DOMAIN, NOT_TRIED, START, a_request, addresses, send_order
from tests.actions.warmup_harness import DAY, MINUTE, Season
from warmpost.actions.batches.control_batch import pause_batch, resume_batch
from warmpost.actions.batches.send_message import send_message
from warmpost.rules.model.writes import Update

CAP = 10
MIDNIGHT = START + timedelta(hours=12)


@pytest.fixture
async def season(harness):
    return await Season(harness).begin(cap=CAP)


def assert_within_cap(season):
    assert max(season.by_day.values()) <= CAP, season.by_day


async def test_a_batch_paused_by_hand_over_night(season):
    async def pause(claim_batch):
        season.harness.relays.before = None
        await pause_batch(season.services, batch)

    season.harness.relays.before = pause
    batch = await season.harness.submit(30)
    await season.pass_until(START + MINUTE)
    assert season.by_day == {"11-23": 3}
    await season.pass_until(MIDNIGHT + MINUTE)
    await resume_batch(season.services, batch)
    await season.pass_until(START + 5 * DAY, daily=True)
    assert_within_cap(season)
    assert season.harness.relays.times_handed == dict.fromkeys(addresses(*range(30)), 1)
    assert (await season.harness.batch(batch)).status == "done"


async def test_an_outage_of_the_relay_over_night(season):
    season.harness.relays.everybody = NOT_TRIED
    batch = await season.harness.submit_list(await season.harness.list_of(30, 6))
    await season.pass_until(MIDNIGHT + timedelta(hours=3), daily=True)
    season.harness.relays.everybody = ACCEPTED
    season.by_day.clear()
    season.met.clear()
    await season.pass_until(START + 6 * DAY, season.crew(3), daily=True)
    assert_within_cap(season)
    assert season.harness.relays.times_handed == dict.fromkeys(addresses(*range(30)), 1)
    assert (await season.harness.batch(batch)).status == "done"


async def test_single_sends_whose_tasks_were_lost_over_night(season):
    for number in range(4):
        await send_message(season.services, send_order(f"s{number}@example.net"), a_request())
    season.lose_tasks()
    batch = await season.harness.submit(30)
    await season.pass_until(START + 6 * DAY, season.crew(3), daily=True)
    assert_within_cap(season)
    assert len(season.met) == 34
    assert (await season.harness.batch(batch)).status == "done"


async def test_a_single_send_waits_for_midnight_where_its_new_day_is_full_too(season):
    await season.begin(cap=1)
    await send_message(season.services, send_order("late@example.net"), a_request())
    waiting = [one for one in season.queue.waiting if one.verb == "deliver"]
    season.lose_tasks()
    season.clock.move_to(MIDNIGHT + MINUTE)
    await send_message(season.services, send_order("early@example.net"), a_request())
    season.queue.waiting += waiting
    await season.pass_until(MIDNIGHT + timedelta(hours=23))
    assert season.met.keys() == {"early@example.net"}
    await season.pass_until(MIDNIGHT + DAY + MINUTE)
    assert season.by_day == {"11-24": 1, "11-25": 1}


async def test_a_single_send_waits_for_a_second_midnight_where_that_day_is_full_too(season):
    await season.begin(cap=1)
    await send_message(season.services, send_order("late@example.net"), a_request())
    waiting = [one for one in season.queue.waiting if one.verb == "deliver"]
    season.lose_tasks()
    for day in range(2):
        season.clock.move_to(MIDNIGHT + day * DAY)
        await send_message(season.services, send_order(f"early{day}@example.net"), a_request())
        season.queue.waiting += waiting
        waiting = []
        await season.pass_until(MIDNIGHT + day * DAY + timedelta(hours=23))
    assert season.met.keys() == {"early0@example.net", "early1@example.net"}
    await season.pass_until(MIDNIGHT + 2 * DAY + MINUTE)
    assert season.by_day == {"11-24": 1, "11-25": 1, "11-26": 1}


async def test_midnight_between_two_claim_batches(season):
    async def midnight(message):
        await season.note(message)
        if season.met.total() == 3:
            season.clock.move_to(MIDNIGHT)

    await season.pass_until(MIDNIGHT - MINUTE)
    season.harness.relays.each = midnight
    batch = await season.harness.submit(30)
    await season.pass_until(MIDNIGHT + MINUTE)
    assert season.by_day == {"11-23": 3, "11-24": CAP}
    await season.pass_until(START + 5 * DAY, daily=True)
    assert_within_cap(season)
    assert (await season.harness.batch(batch)).status == "done"


async def test_a_block_over_night_where_batches_hold(season):
    async def block(claim_batch):
        season.harness.relays.before = None
        season.clock.advance(6)
        warmup_state = await season.warmup_state()
        blocked = {"blocked_on": warmup_state.day, "block_reason": "blocked for the rest of the day"}
        await season.store.commit(Update(f"warmup/{DOMAIN}", blocked))

    season.harness.relays.before = block
    batch = await season.harness.submit(30, on_block="hold")
    await season.pass_until(START + 5 * DAY, daily=True)
    assert_within_cap(season)
    assert season.by_day["11-23"] == 3
    assert season.harness.relays.times_handed == dict.fromkeys(addresses(*range(30)), 1)
    assert (await season.harness.batch(batch)).status == "done"
