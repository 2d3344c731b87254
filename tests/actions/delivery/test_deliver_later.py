"""Recipients who have to wait: put off by a relay, or with no relay to be reached."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import (
    ACCEPTED,
    NOT_TRIED,
    POSTPONED,
    START,
    address,
    addresses,
    message_progress,
    sent,
    statuses,
)
from warmpost.rules.delivery.retries import RetryPlan
from warmpost.rules.delivery.statuses import Status


async def test_a_postponed_recipient_alone_is_tried_again_after_the_first_delay(harness):
    harness.relays.say(address(1), POSTPONED, ACCEPTED)
    batch = await harness.submit(4)
    await harness.queue.run(harness.services, until=timedelta(seconds=59))
    assert statuses(await harness.progress(batch)) == ["sent", "deferred", "sent", "sent"]
    assert (await harness.batch(batch)).status == "sending"
    await harness.queue.run(harness.services, until=timedelta(seconds=61))
    assert statuses(await harness.progress(batch)) == ["sent"] * 4
    assert harness.relays.times_handed == {**dict.fromkeys(addresses(0, 2, 3), 1), address(1): 2}
    assert (await harness.batch(batch)).status == "done"


async def test_the_history_tells_the_postponement_and_what_ended_it(harness):
    harness.relays.say(address(0), POSTPONED, ACCEPTED)
    batch = await harness.submit(1)
    await harness.queue.run(harness.services)
    progress = await harness.progress(batch)
    assert [note.status for note in progress.details[0].notes] == [Status.DEFERRED, Status.SENT]
    assert progress.details[0].tries == 2
    assert progress.sent_at(0) == START.timestamp() + 60


async def test_who_is_put_off_for_a_day_bounces_with_the_last_reply(harness):
    harness.relays.say(address(0), POSTPONED)
    batch = await harness.submit(2)
    await harness.queue.run(harness.services)
    progress = await harness.progress(batch)
    assert statuses(progress) == ["bounced", "sent"]
    last = progress.details[0].notes[-1]
    assert (last.status, last.code, last.text) == (Status.BOUNCED, 451, "Greylisted, try later")
    assert 12 * 3600 < last.at - START.timestamp() <= 24 * 3600
    assert (await harness.batch(batch)).status == "done"


async def test_delays_grow_as_the_plan_says(harness):
    plan = RetryPlan((10, 20, 40), 100)
    services = harness.worker("w", policy=replace(harness.policy, retries=plan))
    harness.relays.say(address(0), POSTPONED)
    batch = await harness.submit(1)
    await harness.queue.run(services)
    notes = (await harness.progress(batch)).details[0].notes
    assert [note.at - START.timestamp() for note in notes] == [0, 10, 30, 70]
    assert notes[-1].status is Status.BOUNCED


async def test_a_single_send_is_retried_in_the_same_way(harness):
    harness.relays.say(address(1), POSTPONED, ACCEPTED)
    message = await sent(harness, address(0), address(1))
    await harness.queue.run(harness.services)
    assert statuses(await message_progress(harness, message)) == ["sent", "sent"]
    assert harness.relays.times_handed == {address(0): 1, address(1): 2}


async def test_a_retry_that_comes_a_moment_early_is_not_lost(harness):
    """Two machines' clocks differ by milliseconds; the retry's name is spent once it has run."""
    harness.relays.say(address(0), POSTPONED, ACCEPTED)
    batch = await harness.submit(1)
    await harness.queue.run(harness.services, until=timedelta(seconds=30))
    (retry,) = harness.queue.waiting
    harness.queue.waiting = [replace(retry, at=retry.at - timedelta(milliseconds=20))]
    await harness.queue.run(harness.services)
    assert statuses(await harness.progress(batch)) == ["sent"]


@pytest.mark.parametrize("at_retry", [False, True])
async def test_while_no_relay_can_be_reached_everybody_waits_and_then_bounces(harness, at_retry):
    plan = RetryPlan((60, 120), 1000)
    services = harness.worker("w", policy=replace(harness.policy, retries=plan))
    harness.relays.everybody = POSTPONED if at_retry else NOT_TRIED
    batch = await harness.submit(5)
    await harness.queue.run(services, until=timedelta(seconds=30))
    harness.relays.everybody = NOT_TRIED
    await harness.queue.run(services, until=timedelta(seconds=900))
    assert set(statuses(await harness.progress(batch))) == {"deferred" if at_retry else "queued"}
    await harness.queue.run(services, until=timedelta(seconds=3000))
    progress = await harness.progress(batch)
    assert statuses(progress) == ["bounced"] * 5
    assert "connection refused" in progress.details[0].notes[-1].text
    assert (await harness.batch(batch)).status == "done"


async def test_a_relay_that_comes_back_gets_everybody_once(harness):
    harness.relays.everybody = NOT_TRIED
    batch = await harness.submit(5)
    await harness.queue.run(harness.services, until=timedelta(minutes=10))
    assert len(harness.queue.made) < 20
    harness.relays.everybody = ACCEPTED
    await harness.queue.run(harness.services)
    assert statuses(await harness.progress(batch)) == ["sent"] * 5
    assert set(harness.relays.times_handed.values()) == {1}


async def test_a_simulated_recipient_does_not_hide_that_no_relay_can_be_reached(harness):
    harness.relays.everybody = NOT_TRIED
    message = await sent(harness, "success@simulator.invalid", address(1))
    await harness.queue.run(harness.services, until=timedelta(seconds=3))
    assert statuses(await message_progress(harness, message)) == ["delivered", "queued"]
    assert harness.queue.waiting[0].at - START >= timedelta(seconds=5)
