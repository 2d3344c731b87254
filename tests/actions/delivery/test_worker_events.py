import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.reporting import batch_counts, suppressed_for
from tests.actions.workshop import ACCEPTED, IN_DOUBT, POLICY, POSTPONED, REFUSED, Workshop, address, sent
from warmpost.actions.suppressions.manage_suppressions import lift_suppression
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import unpack_events
from warmpost.rules.model.relays import Pool, Relay


async def told(workshop):
    """Kind, recipient and words of what workers logged, in the order of the logs."""
    logs = await workshop.store.find(EventLog, "events")
    return [
        (event.kind, event.target.address, event.text)
        for log in logs
        for event in unpack_events(log.value.content)
        if event.source == "worker"
    ]


async def test_refusals_deferrals_and_drops_are_told_and_plain_acceptance_is_not(workshop):
    workshop.relays.say(address(0), REFUSED)
    workshop.relays.say(address(1), POSTPONED)
    workshop.relays.say(address(2), IN_DOUBT)
    await workshop.submit(4)
    await workshop.queue.run(workshop.services, until=timedelta(seconds=30))
    assert await told(workshop) == [
        ("bounced", address(0), "No such user"),
        ("deferred", address(1), "Greylisted, try later"),
    ]


async def test_every_further_deferral_is_told_once(workshop):
    workshop.relays.say(address(0), POSTPONED, POSTPONED, REFUSED)
    await workshop.submit(2)
    await workshop.queue.run(workshop.services)
    assert [kind for kind, _, _ in await told(workshop)] == ["deferred", "deferred", "bounced"]


async def test_ids_are_the_same_for_the_same_finding_and_differ_between_findings(workshop):
    workshop.relays.say(address(0), POSTPONED, POSTPONED, REFUSED)
    await workshop.submit(1)
    await workshop.queue.run(workshop.services, times=2)
    logs = await workshop.store.find(EventLog, "events")
    ids = [event.id for log in logs for event in unpack_events(log.value.content)]
    assert len(ids) == len(set(ids)) == 3


async def test_who_was_suppressed_meanwhile_is_told_as_dropped(workshop):
    workshop.relays.say(address(0), REFUSED)
    await sent(workshop, address(0))
    await workshop.queue.run(workshop.services)
    await workshop.submit(2)
    await workshop.queue.run(workshop.services)
    kind, to, text = (await told(workshop))[-1]
    assert (kind, to) == ("dropped", address(0))
    assert "hard_bounce" in text


async def test_a_final_relays_acceptance_is_told_as_a_delivery(store):
    policy = replace(POLICY, shared_pool=Pool("shared", (Relay("r1", "127.0.0.1", 25, final=True),)))
    workshop = await Workshop(store, policy=policy).open()
    await workshop.submit(2)
    await workshop.queue.run(workshop.services)
    assert [kind for kind, _, _ in await told(workshop)] == ["delivered", "delivered"]
    assert await suppressed_for(workshop) == {}


async def test_what_a_worker_found_before_it_vanished_is_told_by_the_next_and_has_its_consequences(workshop):
    workshop.relays.say(address(1), REFUSED)

    async def vanish_later(message):
        if message.envelope.rcpt_to == address(4):
            raise asyncio.CancelledError

    await workshop.submit(8)
    workshop.relays.each = vanish_later
    with pytest.raises(asyncio.CancelledError):
        await workshop.queue.run(workshop.services)
    workshop.relays.each = None
    await workshop.queue.run(workshop.worker("two"))
    assert await told(workshop) == [("bounced", address(1), "No such user")]
    assert await suppressed_for(workshop) == {address(1): "hard_bounce"}


async def test_what_is_told_again_after_a_later_turn_failed_has_no_second_consequence(workshop):
    workshop.relays.say(address(0), REFUSED)
    workshop.relays.say(address(1), POSTPONED)
    batch = await workshop.submit(2, on_uncertain="resend")
    await workshop.queue.run(workshop.services, until=timedelta(seconds=30))
    await lift_suppression(workshop.services, address(0), None, "")

    async def vanish(message):
        raise asyncio.CancelledError

    workshop.relays.each = vanish
    workshop.relays.say(address(1), ACCEPTED)
    with pytest.raises(asyncio.CancelledError):
        await workshop.queue.run(workshop.services)
    workshop.relays.each = None
    await workshop.queue.run(workshop.worker("two"))
    kinds = [kind for kind, to, _ in await told(workshop) if to == address(0)]
    assert kinds == ["bounced", "bounced"]
    assert await suppressed_for(workshop) == {}
    assert await batch_counts(workshop, batch) == {"bounced": 1, "sent": 1}
