"""Recipients of whom nobody knows: what a report proves, and what their sender decides."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.faults import EndsBefore
from tests.actions.harness import (
    ACCEPTED,
    DOMAIN,
    IN_DOUBT,
    POSTPONED,
    REFUSED,
    address,
    addresses,
    chunk_job,
    message_id,
    perform,
    sent,
)
from tests.actions.report_builders import (
    all_statistics,
    batch_counts,
    batch_lines,
    day_counters_of,
    ingest,
    lines_of_message,
    of_batch,
    of_message,
    recount,
    report,
)
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch
from warmpost.actions.batches.settle_uncertain import GIVEN_UP, settle_batch, settle_message
from warmpost.actions.delivery.deliver import deliver
from warmpost.errors import Conflict, NotFound

COUNT = 8
DOUBTFUL = (1, 4, 6)


@pytest.fixture
async def batch(harness):
    """Done, but for three of eight whose answers were lost."""
    for place in DOUBTFUL:
        harness.relays.say(address(place), IN_DOUBT, ACCEPTED)
    made = await harness.submit(COUNT)
    await harness.queue.run(harness.services)
    assert await batch_counts(harness, made) == {"sent": 5, "uncertain": 3}
    assert (await harness.batch(made)).status == "done"
    harness.clock.advance(60)
    return made


def twice(harness):
    return {to for to, times in harness.relays.times_handed.items() if times == 2}


class TestReports:
    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            ("delivered", "delivered"),
            ("bounced", "bounced"),
            ("complained", "complained"),
            ("opened", "delivered"),
            ("clicked", "delivered"),
            ("unsubscribed", "delivered"),
        ],
    )
    async def test_what_is_reported_settles_who_was_uncertain(self, harness, batch, kind, status):
        await ingest(harness, report(kind, of_batch(batch, 1), code=550, enhanced_code="5.1.1"))
        assert await batch_counts(harness, batch) == Counter({"sent": 5, "uncertain": 2}) + Counter([status])

    @pytest.mark.parametrize("kind", ["delivered", "bounced", "opened"])
    async def test_a_report_holds_against_who_was_given_up(self, harness, batch, kind):
        await settle_batch(harness.services, batch, resend=False)
        await harness.queue.run(harness.services)
        await ingest(harness, report(kind, of_batch(batch, 1), seconds=600))
        assert (await batch_lines(harness, batch))[1].status == (
            "bounced" if kind == "bounced" else "delivered"
        )

    async def test_who_was_reported_is_neither_sent_again_nor_given_up(self, harness, batch):
        await ingest(harness, report("delivered", of_batch(batch, 1)), report("opened", of_batch(batch, 4)))
        assert await settle_batch(harness.services, batch, resend=True) == 1
        await harness.queue.run(harness.services)
        assert twice(harness) == {address(6)}


class TestTriedAgain:
    async def test_only_they_are_sent_again_as_the_same_messages_and_the_batch_ends_again(
        self, harness, batch
    ):
        assert await settle_batch(harness.services, batch, resend=True) == 3
        value = await harness.batch(batch)
        assert (value.status, value.finished_at) == ("sending", None)
        await harness.queue.run(harness.services)
        assert await batch_counts(harness, batch) == {"sent": COUNT}
        assert twice(harness) == set(addresses(*DOUBTFUL))
        ids = {(one.envelope.rcpt_to, message_id(one)) for one in harness.relays.handed}
        assert len(ids) == COUNT
        assert (await harness.batch(batch)).status == "done"

    async def test_chosen_ones_are_sent_again_and_the_others_stay_in_doubt(self, harness, batch):
        chosen = [address(4).upper(), "stranger@example.net"]
        assert await settle_batch(harness.services, batch, resend=True, addresses=chosen) == 1
        await harness.queue.run(harness.services, times=2)
        assert twice(harness) == {address(4)}
        assert await batch_counts(harness, batch) == {"sent": COUNT - 2, "uncertain": 2}
        assert await settle_batch(harness.services, batch, resend=False, addresses=[address(1)]) == 1
        await harness.queue.run(harness.services)
        assert await batch_counts(harness, batch) == {"sent": COUNT - 2, "uncertain": 1, "failed": 1}

    async def test_asked_for_twice_at_once_and_delivered_twice_they_are_sent_once_more(self, harness, batch):
        other = harness.worker("two")
        await asyncio.gather(
            settle_batch(harness.services, batch, resend=True), settle_batch(other, batch, resend=True)
        )
        await harness.queue.run(harness.services, other, times=2)
        assert set(harness.relays.times_handed.values()) == {1, 2}
        assert await batch_counts(harness, batch) == {"sent": COUNT}
        assert await settle_batch(harness.services, batch, resend=True) == 0

    async def test_who_is_in_doubt_again_needs_another_word(self, harness, batch):
        harness.relays.say(address(4), IN_DOUBT)
        harness.queue.waiting.clear()
        await settle_batch(harness.services, batch, resend=True)
        tasks = [task for task in harness.queue.waiting if task.verb == "deliver"]
        await harness.queue.run(harness.services)
        harness.clock.advance(60)
        for task in tasks:  # as a queue may
            await perform(harness.worker("two"), task)
        assert harness.relays.times_handed[address(4)] == 2
        assert (await batch_lines(harness, batch))[4].status == "uncertain"
        assert await settle_batch(harness.services, batch, resend=True) == 1

    async def test_they_take_no_volume_again(self, harness, batch):
        before = await day_counters_of(harness, DOMAIN)
        await settle_batch(harness.services, batch, resend=True)
        await harness.queue.run(harness.services)
        after = await day_counters_of(harness, DOMAIN)
        assert (before["attempted"], before["accepted_unreported"]) == (COUNT, 5)
        assert (after["attempted"], after["accepted_unreported"]) == (COUNT, COUNT)

    async def test_whom_a_relay_puts_off_or_refuses_ends_as_ever(self, harness, batch):
        harness.relays.say(address(1), POSTPONED, ACCEPTED)
        harness.relays.say(address(4), REFUSED)
        await settle_batch(harness.services, batch, resend=True)
        await harness.queue.run(harness.services)
        assert await batch_counts(harness, batch) == {"sent": 7, "bounced": 1}
        assert (await harness.batch(batch)).status == "done"

    async def test_nobody_who_is_not_released_leaves_with_them(self, harness):
        harness.relays.say(address(1), IN_DOUBT, ACCEPTED)
        harness.relays.say(address(3), POSTPONED)
        made = await harness.submit(6)
        await harness.queue.run(harness.services, until=timedelta(seconds=5))
        before = len(harness.relays.handed)
        assert await settle_batch(harness.services, made, resend=True) == 1
        await harness.queue.run(harness.services, until=timedelta(seconds=10))
        assert [one.envelope.rcpt_to for one in harness.relays.handed[before:]] == [address(1)]

    async def test_a_worker_that_ends_in_between_leaves_it_to_the_next(self, harness, batch):
        await settle_batch(harness.services, batch, resend=True)

        async def vanish(claim_batch):
            harness.relays.before = None
            raise asyncio.CancelledError

        harness.relays.before = vanish
        with pytest.raises(asyncio.CancelledError):
            await harness.queue.run(harness.services)
        await harness.queue.run(harness.worker("two"))
        assert await batch_counts(harness, batch) == {"sent": 5, "uncertain": 3}
        assert (await harness.batch(batch)).status == "done"

    async def test_a_request_that_comes_to_nothing_leaves_the_batch_done(self, harness, batch):
        ended = harness.worker("ended", tasks=EndsBefore(harness.queue, "deliver"))
        with pytest.raises(asyncio.CancelledError):
            await settle_batch(ended, batch, resend=True)
        await harness.queue.run(harness.services)
        assert (await harness.batch(batch)).status == "done"
        assert await batch_counts(harness, batch) == {"sent": 5, "uncertain": 3}

    async def test_a_single_send_is_tried_again_under_its_message_id(self, harness):
        harness.relays.say(address(1), IN_DOUBT, ACCEPTED)
        message = await sent(harness, *addresses(0, 1, 2), on_uncertain="hold")
        await harness.queue.run(harness.services)
        harness.clock.advance(60)
        assert await settle_message(harness.services, message, resend=True) == 1
        await harness.queue.run(harness.services)
        assert [line.status for line in await lines_of_message(harness, message)] == ["sent"] * 3
        assert twice(harness) == {address(1)}
        assert len({message_id(one) for one in harness.relays.handed}) == 1


class TestGivenUp:
    async def test_they_are_failed_with_the_reason_and_figures_follow(self, harness, batch):
        for _ in range(2):
            assert await settle_batch(harness.services, batch, resend=False) == 3
        await harness.queue.run(harness.services)
        assert await settle_batch(harness.services, batch, resend=False) == 0
        assert await batch_counts(harness, batch) == {"sent": 5, "failed": 3}
        lines = await batch_lines(harness, batch)
        assert [note.text for note in lines[4].notes][-1] == GIVEN_UP
        assert await all_statistics(harness) == recount(DOMAIN, batch, lines)
        assert await settle_batch(harness.services, batch, resend=True) == 0
        assert not twice(harness)

    async def test_who_was_sent_again_meanwhile_stays_sent(self, harness, batch):
        await settle_batch(harness.services, batch, resend=True)
        await settle_batch(harness.worker("two"), batch, resend=False)
        await harness.queue.run(harness.services)
        assert await batch_counts(harness, batch) == {"sent": COUNT}

    async def test_a_single_send_is_given_up(self, harness):
        harness.relays.say(address(0), IN_DOUBT)
        message = await sent(harness, on_uncertain="hold")
        await harness.queue.run(harness.services)
        assert await settle_message(harness.services, message, resend=False) == 1
        await harness.queue.run(harness.services)
        (line,) = await lines_of_message(harness, message)
        assert line.status == "failed"
        await ingest(harness, report("delivered", of_message(message), seconds=600))
        (line,) = await lines_of_message(harness, message)
        assert line.status == "delivered"


class TestRefused:
    async def test_what_does_not_exist(self, harness):
        for resend in (True, False):
            with pytest.raises(NotFound):
                await settle_batch(harness.services, "77", resend)
            with pytest.raises(NotFound):
                await settle_message(harness.services, "nosuch", resend)

    async def test_a_batch_that_was_cancelled(self, harness):
        batch = await harness.submit(3)
        await cancel_batch(harness.services, batch)
        for resend in (True, False):
            with pytest.raises(Conflict, match="cancelled"):
                await settle_batch(harness.services, batch, resend)

    async def test_a_paused_batch_sends_nothing_again(self, harness):
        batch = await harness.submit(3)
        await pause_batch(harness.services, batch)
        with pytest.raises(Conflict, match="paused"):
            await settle_batch(harness.services, batch, resend=True)
        assert await settle_batch(harness.services, batch, resend=False) == 0


async def test_two_errands_that_meet_the_same_lease_both_come_again(harness):
    harness.relays.say(address(0), POSTPONED)
    batch = await harness.submit(3)
    (release,) = harness.queue.waiting
    await perform(harness.services, release)

    async def vanish(claim_batch):
        raise asyncio.CancelledError

    harness.relays.before = vanish
    whole = chunk_job(batch, 3)
    with pytest.raises(asyncio.CancelledError):
        await deliver(harness.services, whole)
    other, before = harness.worker("two"), len(harness.queue.made)
    await deliver(other, replace(whole, end=0))
    await deliver(other, whole)
    assert [task.body.get("end") for task in harness.queue.made[before:]] == [None, 3]
