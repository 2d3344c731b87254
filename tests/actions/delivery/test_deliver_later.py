"""Recipients who have to wait: put off by a relay, or with no relay to be reached."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.workshop import (
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


async def test_a_postponed_recipient_alone_is_tried_again_after_the_first_delay(workshop):
    workshop.relays.say(address(1), POSTPONED, ACCEPTED)
    batch = await workshop.submit(4)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=59))
    assert statuses(await workshop.progress(batch)) == ["sent", "deferred", "sent", "sent"]
    assert (await workshop.batch(batch)).status == "sending"
    await workshop.queue.run(workshop.services, until=timedelta(seconds=61))
    assert statuses(await workshop.progress(batch)) == ["sent"] * 4
    assert workshop.relays.times_handed == {**dict.fromkeys(addresses(0, 2, 3), 1), address(1): 2}
    assert (await workshop.batch(batch)).status == "done"


async def test_the_history_tells_the_postponement_and_what_ended_it(workshop):
    workshop.relays.say(address(0), POSTPONED, ACCEPTED)
    batch = await workshop.submit(1)
    await workshop.queue.run(workshop.services)
    progress = await workshop.progress(batch)
    assert [note.status for note in progress.details[0].notes] == [Status.DEFERRED, Status.SENT]
    assert progress.details[0].tries == 2
    assert progress.sent_at(0) == START.timestamp() + 60


async def test_who_is_put_off_for_a_day_bounces_with_the_last_reply(workshop):
    workshop.relays.say(address(0), POSTPONED)
    batch = await workshop.submit(2)
    await workshop.queue.run(workshop.services)
    progress = await workshop.progress(batch)
    assert statuses(progress) == ["bounced", "sent"]
    last = progress.details[0].notes[-1]
    assert (last.status, last.code, last.text) == (Status.BOUNCED, 451, "Greylisted, try later")
    assert 12 * 3600 < last.at - START.timestamp() <= 24 * 3600
    assert (await workshop.batch(batch)).status == "done"


async def test_delays_grow_as_the_plan_says(workshop):
    plan = RetryPlan((10, 20, 40), 100)
    services = workshop.worker("w", policy=replace(workshop.policy, retries=plan))
    workshop.relays.say(address(0), POSTPONED)
    batch = await workshop.submit(1)
    await workshop.queue.run(services)
    notes = (await workshop.progress(batch)).details[0].notes
    assert [note.at - START.timestamp() for note in notes] == [0, 10, 30, 70]
    assert notes[-1].status is Status.BOUNCED


async def test_a_single_send_is_retried_in_the_same_way(workshop):
    workshop.relays.say(address(1), POSTPONED, ACCEPTED)
    message = await sent(workshop, address(0), address(1))
    await workshop.queue.run(workshop.services)
    assert statuses(await message_progress(workshop, message)) == ["sent", "sent"]
    assert workshop.relays.times_handed == {address(0): 1, address(1): 2}


async def test_a_retry_that_comes_a_moment_early_is_not_lost(workshop):
    """Two machines' clocks differ by milliseconds; the retry's name is spent once it has run."""
    workshop.relays.say(address(0), POSTPONED, ACCEPTED)
    batch = await workshop.submit(1)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=30))
    (retry,) = workshop.queue.waiting
    workshop.queue.waiting = [replace(retry, at=retry.at - timedelta(milliseconds=20))]
    await workshop.queue.run(workshop.services)
    assert statuses(await workshop.progress(batch)) == ["sent"]


@pytest.mark.parametrize("at_retry", [False, True])
async def test_while_no_relay_can_be_reached_everybody_waits_and_then_bounces(workshop, at_retry):
    plan = RetryPlan((60, 120), 1000)
    services = workshop.worker("w", policy=replace(workshop.policy, retries=plan))
    workshop.relays.everybody = POSTPONED if at_retry else NOT_TRIED
    batch = await workshop.submit(5)
    await workshop.queue.run(services, until=timedelta(seconds=30))
    workshop.relays.everybody = NOT_TRIED
    await workshop.queue.run(services, until=timedelta(seconds=900))
    assert set(statuses(await workshop.progress(batch))) == {"deferred" if at_retry else "queued"}
    await workshop.queue.run(services, until=timedelta(seconds=3000))
    progress = await workshop.progress(batch)
    assert statuses(progress) == ["bounced"] * 5
    assert "connection refused" in progress.details[0].notes[-1].text
    assert (await workshop.batch(batch)).status == "done"


async def test_a_relay_that_comes_back_gets_everybody_once(workshop):
    workshop.relays.everybody = NOT_TRIED
    batch = await workshop.submit(5)
    await workshop.queue.run(workshop.services, until=timedelta(minutes=10))
    assert len(workshop.queue.made) < 20
    workshop.relays.everybody = ACCEPTED
    await workshop.queue.run(workshop.services)
    assert statuses(await workshop.progress(batch)) == ["sent"] * 5
    assert set(workshop.relays.times_handed.values()) == {1}


async def test_a_simulated_recipient_does_not_hide_that_no_relay_can_be_reached(workshop):
    workshop.relays.everybody = NOT_TRIED
    message = await sent(workshop, "success@simulator.invalid", address(1))
    await workshop.queue.run(workshop.services, until=timedelta(seconds=3))
    assert statuses(await message_progress(workshop, message)) == ["delivered", "queued"]
    assert workshop.queue.waiting[0].at - START >= timedelta(seconds=5)
