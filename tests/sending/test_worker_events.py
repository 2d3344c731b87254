from dataclasses import replace
from datetime import timedelta

from tests.sending.reporting import suppressed_for
from tests.sending.workshop import (
    IN_DOUBT,
    POLICY,
    POSTPONED,
    REFUSED,
    Workshop,
    address,
    sent,
)
from warmpost.rules.documents import EventLog
from warmpost.rules.event_packing import unpack_events
from warmpost.rules.relays import Pool, Relay


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
