"""Recipients of whom nobody knows: what a report proves, and what their sender decides."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.faults import EndsBefore
from tests.actions.reporting import (
    all_statistics,
    batch_counts,
    batch_lines,
    fold,
    lines_of_message,
    of_batch,
    of_message,
    recount,
    report,
    tally_of,
)
from tests.actions.workshop import (
    ACCEPTED,
    DOMAIN,
    IN_DOUBT,
    POSTPONED,
    REFUSED,
    address,
    addresses,
    chunk_errand,
    message_id,
    perform,
    sent,
)
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch
from warmpost.actions.batches.settle_uncertain import GIVEN_UP, settle_batch, settle_message
from warmpost.actions.delivery.deliver import deliver
from warmpost.errors import Conflict, NotFound

COUNT = 8
DOUBTFUL = (1, 4, 6)


@pytest.fixture
async def batch(workshop):
    """Done, but for three of eight whose answers were lost."""
    for place in DOUBTFUL:
        workshop.relays.say(address(place), IN_DOUBT, ACCEPTED)
    made = await workshop.submit(COUNT)
    await workshop.queue.run(workshop.services)
    assert await batch_counts(workshop, made) == {"sent": 5, "uncertain": 3}
    assert (await workshop.batch(made)).status == "done"
    workshop.clock.advance(60)
    return made


def twice(workshop):
    return {to for to, times in workshop.relays.times_handed.items() if times == 2}


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
    async def test_what_is_reported_settles_who_was_uncertain(self, workshop, batch, kind, status):
        await fold(workshop, report(kind, of_batch(batch, 1), code=550, enhanced_code="5.1.1"))
        assert await batch_counts(workshop, batch) == Counter({"sent": 5, "uncertain": 2}) + Counter([status])

    @pytest.mark.parametrize("kind", ["delivered", "bounced", "opened"])
    async def test_a_report_holds_against_who_was_given_up(self, workshop, batch, kind):
        await settle_batch(workshop.services, batch, resend=False)
        await workshop.queue.run(workshop.services)
        await fold(workshop, report(kind, of_batch(batch, 1), seconds=600))
        assert (await batch_lines(workshop, batch))[1].status == (
            "bounced" if kind == "bounced" else "delivered"
        )

    async def test_who_was_reported_is_neither_sent_again_nor_given_up(self, workshop, batch):
        await fold(workshop, report("delivered", of_batch(batch, 1)), report("opened", of_batch(batch, 4)))
        assert await settle_batch(workshop.services, batch, resend=True) == 1
        await workshop.queue.run(workshop.services)
        assert twice(workshop) == {address(6)}


class TestTriedAgain:
    async def test_only_they_are_sent_again_as_the_same_messages_and_the_batch_ends_again(
        self, workshop, batch
    ):
        assert await settle_batch(workshop.services, batch, resend=True) == 3
        value = await workshop.batch(batch)
        assert (value.status, value.finished_at) == ("sending", None)
        await workshop.queue.run(workshop.services)
        assert await batch_counts(workshop, batch) == {"sent": COUNT}
        assert twice(workshop) == set(addresses(*DOUBTFUL))
        ids = {(one.envelope.rcpt_to, message_id(one)) for one in workshop.relays.handed}
        assert len(ids) == COUNT
        assert (await workshop.batch(batch)).status == "done"

    async def test_asked_for_twice_at_once_and_delivered_twice_they_are_sent_once_more(self, workshop, batch):
        other = workshop.worker("two")
        await asyncio.gather(
            settle_batch(workshop.services, batch, resend=True), settle_batch(other, batch, resend=True)
        )
        await workshop.queue.run(workshop.services, other, times=2)
        assert set(workshop.relays.times_handed.values()) == {1, 2}
        assert await batch_counts(workshop, batch) == {"sent": COUNT}
        assert await settle_batch(workshop.services, batch, resend=True) == 0

    async def test_who_is_in_doubt_again_needs_another_word(self, workshop, batch):
        workshop.relays.say(address(4), IN_DOUBT)
        workshop.queue.waiting.clear()
        await settle_batch(workshop.services, batch, resend=True)
        tasks = [task for task in workshop.queue.waiting if task.verb == "deliver"]
        await workshop.queue.run(workshop.services)
        workshop.clock.advance(60)
        for task in tasks:  # as a queue may
            await perform(workshop.worker("two"), task)
        assert workshop.relays.times_handed[address(4)] == 2
        assert (await batch_lines(workshop, batch))[4].status == "uncertain"
        assert await settle_batch(workshop.services, batch, resend=True) == 1

    async def test_they_take_no_volume_again(self, workshop, batch):
        before = await tally_of(workshop, DOMAIN)
        await settle_batch(workshop.services, batch, resend=True)
        await workshop.queue.run(workshop.services)
        after = await tally_of(workshop, DOMAIN)
        assert (before["attempted"], before["accepted_unreported"]) == (COUNT, 5)
        assert (after["attempted"], after["accepted_unreported"]) == (COUNT, COUNT)

    async def test_whom_a_relay_puts_off_or_refuses_ends_as_ever(self, workshop, batch):
        workshop.relays.say(address(1), POSTPONED, ACCEPTED)
        workshop.relays.say(address(4), REFUSED)
        await settle_batch(workshop.services, batch, resend=True)
        await workshop.queue.run(workshop.services)
        assert await batch_counts(workshop, batch) == {"sent": 7, "bounced": 1}
        assert (await workshop.batch(batch)).status == "done"

    async def test_nobody_who_is_not_released_leaves_with_them(self, workshop):
        workshop.relays.say(address(1), IN_DOUBT, ACCEPTED)
        workshop.relays.say(address(3), POSTPONED)
        made = await workshop.submit(6)
        await workshop.queue.run(workshop.services, until=timedelta(seconds=5))
        before = len(workshop.relays.handed)
        assert await settle_batch(workshop.services, made, resend=True) == 1
        await workshop.queue.run(workshop.services, until=timedelta(seconds=10))
        assert [one.envelope.rcpt_to for one in workshop.relays.handed[before:]] == [address(1)]

    async def test_a_worker_that_ends_in_between_leaves_it_to_the_next(self, workshop, batch):
        await settle_batch(workshop.services, batch, resend=True)

        async def vanish(stride):
            workshop.relays.before = None
            raise asyncio.CancelledError

        workshop.relays.before = vanish
        with pytest.raises(asyncio.CancelledError):
            await workshop.queue.run(workshop.services)
        await workshop.queue.run(workshop.worker("two"))
        assert await batch_counts(workshop, batch) == {"sent": 5, "uncertain": 3}
        assert (await workshop.batch(batch)).status == "done"

    async def test_a_request_that_comes_to_nothing_leaves_the_batch_done(self, workshop, batch):
        ended = workshop.worker("ended", tasks=EndsBefore(workshop.queue, "deliver"))
        with pytest.raises(asyncio.CancelledError):
            await settle_batch(ended, batch, resend=True)
        await workshop.queue.run(workshop.services)
        assert (await workshop.batch(batch)).status == "done"
        assert await batch_counts(workshop, batch) == {"sent": 5, "uncertain": 3}

    async def test_a_single_send_is_tried_again_under_its_message_id(self, workshop):
        workshop.relays.say(address(1), IN_DOUBT, ACCEPTED)
        message = await sent(workshop, *addresses(0, 1, 2), on_uncertain="hold")
        await workshop.queue.run(workshop.services)
        workshop.clock.advance(60)
        assert await settle_message(workshop.services, message, resend=True) == 1
        await workshop.queue.run(workshop.services)
        assert [line.status for line in await lines_of_message(workshop, message)] == ["sent"] * 3
        assert twice(workshop) == {address(1)}
        assert len({message_id(one) for one in workshop.relays.handed}) == 1


class TestGivenUp:
    async def test_they_are_failed_with_the_reason_and_figures_follow(self, workshop, batch):
        for _ in range(2):
            assert await settle_batch(workshop.services, batch, resend=False) == 3
        await workshop.queue.run(workshop.services)
        assert await settle_batch(workshop.services, batch, resend=False) == 0
        assert await batch_counts(workshop, batch) == {"sent": 5, "failed": 3}
        lines = await batch_lines(workshop, batch)
        assert [note.text for note in lines[4].notes][-1] == GIVEN_UP
        assert await all_statistics(workshop) == recount(DOMAIN, batch, lines)
        assert await settle_batch(workshop.services, batch, resend=True) == 0
        assert not twice(workshop)

    async def test_who_was_sent_again_meanwhile_stays_sent(self, workshop, batch):
        await settle_batch(workshop.services, batch, resend=True)
        await settle_batch(workshop.worker("two"), batch, resend=False)
        await workshop.queue.run(workshop.services)
        assert await batch_counts(workshop, batch) == {"sent": COUNT}

    async def test_a_single_send_is_given_up(self, workshop):
        workshop.relays.say(address(0), IN_DOUBT)
        message = await sent(workshop, on_uncertain="hold")
        await workshop.queue.run(workshop.services)
        assert await settle_message(workshop.services, message, resend=False) == 1
        await workshop.queue.run(workshop.services)
        (line,) = await lines_of_message(workshop, message)
        assert line.status == "failed"
        await fold(workshop, report("delivered", of_message(message), seconds=600))
        (line,) = await lines_of_message(workshop, message)
        assert line.status == "delivered"


class TestRefused:
    async def test_what_does_not_exist(self, workshop):
        for resend in (True, False):
            with pytest.raises(NotFound):
                await settle_batch(workshop.services, "77", resend)
            with pytest.raises(NotFound):
                await settle_message(workshop.services, "nosuch", resend)

    async def test_a_batch_that_was_cancelled(self, workshop):
        batch = await workshop.submit(3)
        await cancel_batch(workshop.services, batch)
        for resend in (True, False):
            with pytest.raises(Conflict, match="cancelled"):
                await settle_batch(workshop.services, batch, resend)

    async def test_a_paused_batch_sends_nothing_again(self, workshop):
        batch = await workshop.submit(3)
        await pause_batch(workshop.services, batch)
        with pytest.raises(Conflict, match="paused"):
            await settle_batch(workshop.services, batch, resend=True)
        assert await settle_batch(workshop.services, batch, resend=False) == 0


async def test_two_errands_that_meet_the_same_lease_both_come_again(workshop):
    workshop.relays.say(address(0), POSTPONED)
    batch = await workshop.submit(3)
    (release,) = workshop.queue.waiting
    await perform(workshop.services, release)

    async def vanish(stride):
        raise asyncio.CancelledError

    workshop.relays.before = vanish
    whole = chunk_errand(batch, 3)
    with pytest.raises(asyncio.CancelledError):
        await deliver(workshop.services, whole)
    other, before = workshop.worker("two"), len(workshop.queue.made)
    await deliver(other, replace(whole, end=0))
    await deliver(other, whole)
    assert [task.body.get("end") for task in workshop.queue.made[before:]] == [None, 3]
