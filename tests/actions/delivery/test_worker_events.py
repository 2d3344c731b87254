import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import ACCEPTED, IN_DOUBT, POLICY, POSTPONED, REFUSED, Harness, address, sent
from tests.actions.report_builders import batch_counts, suppressed_for
from warmpost.actions.suppressions.manage_suppressions import lift_suppression
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import unpack_events
from warmpost.rules.model.relays import Pool, Relay


async def told(harness):
    """Kind, recipient and words of what workers logged, in order of time and place."""
    logs = await harness.store.find(EventLog, "events", order_by="received_at")
    found = [
        (log.value.received_at, event.target.position, event)
        for log in logs
        for event in unpack_events(log.value.content)
        if event.source == "worker"
    ]
    found.sort(key=lambda one: one[:2])
    return [(event.kind, event.target.address, event.text) for _, _, event in found]


async def test_refusals_deferrals_and_drops_are_told_and_plain_acceptance_is_not(harness):
    harness.relays.say(address(0), REFUSED)
    harness.relays.say(address(1), POSTPONED)
    harness.relays.say(address(2), IN_DOUBT)
    await harness.submit(4)
    await harness.queue.run(harness.services, until=timedelta(seconds=30))
    assert await told(harness) == [
        ("bounced", address(0), "No such user"),
        ("deferred", address(1), "Greylisted, try later"),
    ]


async def test_every_further_deferral_is_told_once(harness):
    harness.relays.say(address(0), POSTPONED, POSTPONED, REFUSED)
    await harness.submit(2)
    await harness.queue.run(harness.services)
    assert [kind for kind, _, _ in await told(harness)] == ["deferred", "deferred", "bounced"]


async def test_ids_are_the_same_for_the_same_finding_and_differ_between_findings(harness):
    harness.relays.say(address(0), POSTPONED, POSTPONED, REFUSED)
    await harness.submit(1)
    await harness.queue.run(harness.services, times=2)
    logs = await harness.store.find(EventLog, "events")
    ids = [event.id for log in logs for event in unpack_events(log.value.content)]
    assert len(ids) == len(set(ids)) == 3


async def test_who_was_suppressed_meanwhile_is_told_as_dropped(harness):
    harness.relays.say(address(0), REFUSED)
    await sent(harness, address(0))
    await harness.queue.run(harness.services)
    await harness.submit(2)
    await harness.queue.run(harness.services)
    kind, to, text = (await told(harness))[-1]
    assert (kind, to) == ("dropped", address(0))
    assert "hard_bounce" in text


async def test_a_final_relays_acceptance_is_told_as_a_delivery(store):
    policy = replace(POLICY, shared_pool=Pool("shared", (Relay("r1", "127.0.0.1", 25, final=True),)))
    harness = await Harness(store, policy=policy).open()
    await harness.submit(2)
    await harness.queue.run(harness.services)
    assert [kind for kind, _, _ in await told(harness)] == ["delivered", "delivered"]
    assert await suppressed_for(harness) == {}


async def test_what_a_worker_found_before_it_vanished_is_told_by_the_next_and_has_its_consequences(harness):
    harness.relays.say(address(1), REFUSED)

    async def vanish_later(message):
        if message.envelope.rcpt_to == address(4):
            raise asyncio.CancelledError

    await harness.submit(8)
    harness.relays.each = vanish_later
    with pytest.raises(asyncio.CancelledError):
        await harness.queue.run(harness.services)
    harness.relays.each = None
    await harness.queue.run(harness.worker("two"))
    assert await told(harness) == [("bounced", address(1), "No such user")]
    assert await suppressed_for(harness) == {address(1): "hard_bounce"}


async def test_what_is_told_again_after_a_later_turn_failed_has_no_second_consequence(harness):
    harness.relays.say(address(0), REFUSED)
    harness.relays.say(address(1), POSTPONED)
    batch = await harness.submit(2, on_uncertain="resend")
    await harness.queue.run(harness.services, until=timedelta(seconds=30))
    await lift_suppression(harness.services, address(0), None, "")

    async def vanish(message):
        raise asyncio.CancelledError

    harness.relays.each = vanish
    harness.relays.say(address(1), ACCEPTED)
    with pytest.raises(asyncio.CancelledError):
        await harness.queue.run(harness.services)
    harness.relays.each = None
    await harness.queue.run(harness.worker("two"))
    kinds = [kind for kind, to, _ in await told(harness) if to == address(0)]
    assert kinds == ["bounced", "bounced"]
    assert await suppressed_for(harness) == {}
    assert await batch_counts(harness, batch) == {"bounced": 1, "sent": 1}
