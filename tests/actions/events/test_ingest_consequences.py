"""What follows from events: suppressions, figures and words, and what does not."""

from dataclasses import replace
from datetime import timedelta

from tests.actions.harness import DOMAIN, REFUSED, START, address, sent
from tests.actions.report_builders import (
    FULL,
    NO_USER,
    batch_counts,
    ingest,
    lines_of_message,
    of_batch,
    of_message,
    report,
    suppressed_for,
    suppressions,
)
from warmpost.actions.bounces.correct_bounce import correct_bounce, list_bounces
from warmpost.rules.bounces.classify import BounceClass
from warmpost.rules.events.documents import EventLog
from warmpost.rules.model.events import Target
from warmpost.rules.model.writes import Delete


class TestConsequences:
    async def test_hard_bounces_complaints_and_unsubscriptions_suppress_and_nothing_else(self, harness):
        batch = await harness.submit(6)
        await harness.queue.run(harness.services, until=timedelta(minutes=1))
        await ingest(
            harness,
            report("bounced", of_batch(batch, 0), **NO_USER),
            report("bounced", of_batch(batch, 1), **FULL),
            report("complained", of_batch(batch, 2)),
            report("unsubscribed", of_batch(batch, 3)),
            report("delivered", of_batch(batch, 4)),
            report("opened", of_batch(batch, 5)),
        )
        found = await suppressions(harness)
        assert {key: one.reason for key, one in found.items()} == {
            (address(0), ""): "hard_bounce",
            (address(2), ""): "complaint",
            (address(3), DOMAIN): "unsubscribe",
        }
        assert found[address(0), ""].since == START + timedelta(seconds=60)

    async def test_what_the_relay_refused_for_good_is_suppressed_as_well(self, harness):
        harness.relays.say(address(1), REFUSED)
        await harness.submit(3)
        await harness.queue.run(harness.services, until=timedelta(minutes=1))
        assert await suppressed_for(harness) == {address(1): "hard_bounce"}

    async def test_a_corrected_class_decides_what_follows_from_then_on(self, harness):
        batch = await harness.submit(3)
        await harness.queue.run(harness.services, until=timedelta(minutes=1))
        said = {"code": 550, "enhanced_code": "5.0.0", "text": "go fishing"}
        await ingest(harness, report("bounced", of_batch(batch, 0), **said))
        (counted,) = await list_bounces(harness.services, 10)
        assert (counted.counted.text, counted.counted.bounce_class) == ("550 5.0.0 go fishing", "unspecified")
        await correct_bounce(harness.services, counted.id, BounceClass.INACTIVE)
        harness.clock.advance(60)
        await ingest(harness, report("bounced", of_batch(batch, 1), seconds=200, **said))
        await ingest(harness, report("bounced", of_batch(batch, 2), seconds=0, **said))
        assert await suppressed_for(harness) == {address(1): "hard_bounce"}
        (counted,) = await list_bounces(harness.services, 10)
        assert counted.counted.count == 3

    async def test_a_suppression_that_was_lifted_is_not_brought_back_by_a_replay(self, harness):
        from warmpost.actions.suppressions.manage_suppressions import lift_suppression

        batch = await harness.submit(1)
        await harness.queue.run(harness.services, until=timedelta(minutes=1))
        bounce = report("bounced", of_batch(batch, 0), seconds=0, **NO_USER)
        await ingest(harness, bounce)
        await lift_suppression(harness.services, address(0), None, "checked by phone")
        await ingest(harness, bounce, replace(bounce, id="the same by another way"))
        assert await suppressed_for(harness) == {}

    async def test_reports_still_count_where_the_domain_is_deleted(self, harness):
        message = await sent(harness)
        await harness.queue.run(harness.services, until=timedelta(minutes=1))
        await harness.store.commit(Delete(f"domains/{DOMAIN}"))
        harness.clock.advance(60)
        await ingest(harness, report("complained", of_message(message)))
        assert (await lines_of_message(harness, message))[0].status == "complained"

    async def test_what_is_unknown_does_no_harm(self, harness):
        message = await sent(harness)
        batch = await harness.submit(2)
        await harness.queue.run(harness.services, until=timedelta(minutes=1))
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
        await ingest(harness, *events, report("delivered", of_message(message)))
        assert (await lines_of_message(harness, message))[0].status == "delivered"
        assert await batch_counts(harness, batch) == {"sent": 2}
        assert await suppressions(harness) == {}
        assert all(log.value.due is None for log in await harness.store.find(EventLog, "events"))
