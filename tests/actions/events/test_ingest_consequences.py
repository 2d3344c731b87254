"""What follows from events: suppressions, figures and words, and what does not."""

from dataclasses import replace
from datetime import timedelta

from tests.actions.reporting import (
    FULL,
    NO_USER,
    batch_counts,
    fold,
    lines_of_message,
    of_batch,
    of_message,
    report,
    suppressed_for,
    suppressions,
)
from tests.actions.workshop import DOMAIN, REFUSED, START, address, sent
from warmpost.rules.events.documents import EventLog
from warmpost.rules.model.events import Target
from warmpost.rules.model.writes import Delete


class TestConsequences:
    async def test_hard_bounces_complaints_and_unsubscriptions_suppress_and_nothing_else(self, workshop):
        batch = await workshop.submit(6)
        await workshop.queue.run(workshop.services, until=timedelta(minutes=1))
        await fold(
            workshop,
            report("bounced", of_batch(batch, 0), **NO_USER),
            report("bounced", of_batch(batch, 1), **FULL),
            report("complained", of_batch(batch, 2)),
            report("unsubscribed", of_batch(batch, 3)),
            report("delivered", of_batch(batch, 4)),
            report("opened", of_batch(batch, 5)),
        )
        found = await suppressions(workshop)
        assert {key: one.reason for key, one in found.items()} == {
            (address(0), ""): "hard_bounce",
            (address(2), ""): "complaint",
            (address(3), DOMAIN): "unsubscribe",
        }
        assert found[address(0), ""].since == START + timedelta(seconds=60)

    async def test_what_the_relay_refused_for_good_is_suppressed_as_well(self, workshop):
        workshop.relays.say(address(1), REFUSED)
        await workshop.submit(3)
        await workshop.queue.run(workshop.services, until=timedelta(minutes=1))
        assert await suppressed_for(workshop) == {address(1): "hard_bounce"}

    async def test_a_suppression_that_was_lifted_is_not_brought_back_by_a_replay(self, workshop):
        from warmpost.actions.suppressions.manage_suppressions import lift_suppression

        batch = await workshop.submit(1)
        await workshop.queue.run(workshop.services, until=timedelta(minutes=1))
        bounce = report("bounced", of_batch(batch, 0), seconds=0, **NO_USER)
        await fold(workshop, bounce)
        await lift_suppression(workshop.services, address(0), None, "checked by phone")
        await fold(workshop, bounce, replace(bounce, id="the same by another way"))
        assert await suppressed_for(workshop) == {}

    async def test_reports_still_count_where_the_domain_is_deleted(self, workshop):
        message = await sent(workshop)
        await workshop.queue.run(workshop.services, until=timedelta(minutes=1))
        await workshop.store.commit(Delete(f"domains/{DOMAIN}"))
        workshop.clock.advance(60)
        await fold(workshop, report("complained", of_message(message)))
        assert (await lines_of_message(workshop, message))[0].status == "complained"

    async def test_what_is_unknown_does_no_harm(self, workshop):
        message = await sent(workshop)
        batch = await workshop.submit(2)
        await workshop.queue.run(workshop.services, until=timedelta(minutes=1))
        strangers = [
            Target(batch="99"),
            Target(batch="../../keys"),
            Target(batch=batch, position=2),
            Target(batch=batch, position=-1),
            Target(batch=batch, position=10**30),
            Target(message="nobody"),
            Target(message="a/b"),
            Target(message=message, position=1),
            Target(address="stranger@example.org"),
            Target(),
        ]
        events = [report("bounced", target, at=at, **NO_USER) for target in strangers for at in (1.0, 1e300)]
        await fold(workshop, *events, report("delivered", of_message(message)))
        assert (await lines_of_message(workshop, message))[0].status == "delivered"
        assert await batch_counts(workshop, batch) == {"sent": 2}
        assert await suppressions(workshop) == {}
        assert all(log.value.due is None for log in await workshop.store.find(EventLog, "events"))
