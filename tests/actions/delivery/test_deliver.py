"""One chunk or message on its way: what is claimed, sent, tried again and given up."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.workshop import (
    ACCEPTED,
    IN_DOUBT,
    POSTPONED,
    REFUSED,
    START,
    address,
    addresses,
    chunk_errand,
    message_id,
    message_progress,
    sent,
    statuses,
    template,
)
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.delivery.deliver import FENCE, LOOK_AGAIN, NotFoundYetError, deliver
from warmpost.actions.delivery.delivery_job import Errand
from warmpost.actions.suppressions.manage_suppressions import suppression_path
from warmpost.rules.delivery.documents import ProgressFields
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.relays import Pool
from warmpost.rules.model.writes import Create, Put
from warmpost.rules.requests.requests import RecipientOrder
from warmpost.rules.suppressions.documents import Suppression


async def test_a_batch_reaches_everybody_once_and_is_done(workshop):
    batch = await workshop.submit(10)
    await workshop.queue.run(workshop.services)
    assert workshop.relays.times_handed == dict.fromkeys(addresses(*range(10)), 1)
    assert statuses(await workshop.progress(batch)) == ["sent"] * 10
    assert (await workshop.batch(batch)).status == "done"
    assert [len(stride) for stride in workshop.relays.strides] == [3, 3, 3, 1]


async def test_every_stride_is_claimed_in_the_store_before_its_first_message_meets_a_socket(workshop):
    seen = []

    async def look(stride):
        seen.append(statuses(await workshop.progress(batch)))

    workshop.relays.before = look
    batch = await workshop.submit(7)
    await workshop.queue.run(workshop.services)
    assert seen == [
        ["sending"] * 3 + ["queued"] * 4,
        ["sent"] * 3 + ["sending"] * 3 + ["queued"],
        ["sent"] * 6 + ["sending"],
    ]


async def test_a_message_is_claimed_before_its_first_copy_meets_a_socket(workshop):
    seen = []

    async def look(stride):
        seen.append(statuses(await message_progress(workshop, message)))

    workshop.relays.before = look
    message = await sent(workshop, address(0), address(1))
    await workshop.queue.run(workshop.services)
    assert seen == [["sending", "sending"]]
    assert statuses(await message_progress(workshop, message)) == ["sent", "sent"]


async def test_a_relay_that_delivers_itself_makes_delivered_at_once(workshop):
    (relay,) = workshop.policy.shared_pool.relays
    final = Pool("shared", (replace(relay, final=True),))
    services = workshop.worker("final", policy=replace(workshop.policy, shared_pool=final))
    batch = await workshop.submit(2)
    await workshop.queue.run(services)
    assert statuses(await workshop.progress(batch)) == ["delivered", "delivered"]


async def test_a_refusal_bounces_with_the_relays_words(workshop):
    workshop.relays.say(address(1), REFUSED)
    batch = await workshop.submit(3)
    await workshop.queue.run(workshop.services)
    progress = await workshop.progress(batch)
    assert statuses(progress) == ["sent", "bounced", "sent"]
    (note,) = progress.details[1].notes
    assert (note.code, note.enhanced_code, note.text) == (550, "5.1.1", "No such user")


async def test_a_lost_answer_is_uncertain_and_not_sent_again(workshop):
    workshop.relays.say(address(1), IN_DOUBT)
    batch = await workshop.submit(3)
    await workshop.queue.run(workshop.services)
    assert statuses(await workshop.progress(batch)) == ["sent", "uncertain", "sent"]
    assert workshop.relays.times_handed[address(1)] == 1
    assert (await workshop.batch(batch)).status == "done"


async def test_a_lost_answer_is_tried_again_under_the_same_message_id_where_the_sender_wants_it(workshop):
    workshop.relays.say(address(1), IN_DOUBT, ACCEPTED)
    batch = await workshop.submit(3, on_uncertain="resend")
    await workshop.queue.run(workshop.services)
    assert statuses(await workshop.progress(batch)) == ["sent", "sent", "sent"]
    twice = [one for one in workshop.relays.handed if one.envelope.rcpt_to == address(1)]
    assert len(twice) == 2
    assert len({message_id(one) for one in twice}) == 1


async def test_every_recipient_of_a_batch_has_a_message_id_of_its_own(workshop):
    await workshop.submit(5)
    await workshop.queue.run(workshop.services)
    assert len({message_id(one) for one in workshop.relays.handed}) == 5


class TestLeftOut:
    async def test_the_suppressed_are_not_mailed_even_if_suppressed_after_submit(self, workshop):
        batch = await workshop.submit(4)
        await suppress(workshop.store, address(2))
        await workshop.queue.run(workshop.services)
        progress = await workshop.progress(batch)
        assert statuses(progress) == ["sent", "sent", "suppressed", "sent"]
        assert "manual" in progress.details[2].notes[0].text

    async def test_who_is_suppressed_between_two_tries_is_not_tried_again(self, workshop):
        workshop.relays.say(address(0), POSTPONED)
        batch = await workshop.submit(2)
        await workshop.queue.run(workshop.services, until=timedelta(seconds=30))
        await suppress(workshop.store, address(0))
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["suppressed", "sent"]
        assert workshop.relays.times_handed[address(0)] == 1

    async def test_a_batch_of_suppressed_only_is_done_without_a_relay(self, workshop):
        batch = await workshop.submit(2)
        await suppress(workshop.store, address(0))
        await suppress(workshop.store, address(1))
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["suppressed"] * 2
        assert not workshop.relays.strides
        assert (await workshop.batch(batch)).status == "done"

    async def test_one_that_cannot_be_rendered_fails_and_the_others_go(self, workshop):
        await workshop.store.commit(Put("templates/1", template("Hi", "<p>{{ 6 // size }}</p>")))
        people = batch_of({"size": 1}, {"size": 0}, {"size": 2})
        batch = await workshop.submit(3, recipients=people)
        await workshop.queue.run(workshop.services)
        progress = await workshop.progress(batch)
        assert statuses(progress) == ["sent", "failed", "sent"]
        assert progress.details[1].notes[0].text

    async def test_a_line_break_that_data_brings_into_the_subject_fails_that_recipient_alone(self, workshop):
        people = batch_of({"name": "Ann"}, {"name": "Bob\r\nBcc: everybody@example.org"})
        batch = await workshop.submit(2, recipients=people)
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["sent", "failed"]

    async def test_the_simulator_opens_no_socket_and_answers_by_its_names(self, workshop):
        simulated = ["success", "bounce", "softbounce", "deferred", "complaint+x", "nonsense"]
        message = await sent(workshop, *(f"{one}@simulator.invalid" for one in simulated))
        await workshop.queue.run(workshop.services, until=timedelta(seconds=30))
        assert statuses(await message_progress(workshop, message)) == [
            "delivered",
            "bounced",
            "bounced",
            "deferred",
            "delivered",
            "bounced",
        ]
        await workshop.queue.run(workshop.services)
        assert statuses(await message_progress(workshop, message))[3] == "bounced"
        assert not workshop.relays.strides


def batch_of(*data):
    return tuple(RecipientOrder(address(number), one) for number, one in enumerate(data))


async def suppress(store, text):
    one = Suppression(text, address_hash(text), "manual", START)
    await store.commit(Create(suppression_path(text), one, "changed_at"))


class TestStopping:
    async def test_a_pause_takes_effect_between_two_strides_and_resume_sends_the_rest_once(self, workshop):
        async def pause(stride):
            workshop.clock.advance(LOOK_AGAIN)
            if len(workshop.relays.strides) == 2:
                await pause_batch(workshop.services, batch)

        workshop.relays.before = pause
        batch = await workshop.submit(10)
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["sent"] * 6 + ["queued"] * 4
        assert (await workshop.batch(batch)).status == "paused"
        workshop.relays.before = None
        await resume_batch(workshop.services, batch)
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["sent"] * 10
        assert set(workshop.relays.times_handed.values()) == {1}
        assert (await workshop.batch(batch)).status == "done"

    async def test_a_cancel_takes_effect_between_two_strides(self, workshop):
        async def cancel(stride):
            await cancel_batch(workshop.services, batch)

        workshop.relays.before = cancel
        batch = await workshop.submit(10)
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["sent"] * 3 + ["cancelled"] * 7
        assert (await workshop.batch(batch)).status == "cancelled"
        assert len(workshop.relays.strides) == 1

    async def test_deferred_recipients_of_a_cancelled_batch_are_cancelled(self, workshop):
        workshop.relays.say(address(0), POSTPONED)
        batch = await workshop.submit(2)
        await workshop.queue.run(workshop.services, until=timedelta(seconds=30))
        await cancel_batch(workshop.services, batch)
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["cancelled", "sent"]
        assert workshop.relays.times_handed[address(0)] == 1

    async def test_a_batch_paused_while_recipients_are_deferred_tries_them_again_after_resume(self, workshop):
        workshop.relays.say(address(0), POSTPONED, ACCEPTED)
        batch = await workshop.submit(2)
        await workshop.queue.run(workshop.services, until=timedelta(seconds=30))
        await pause_batch(workshop.services, batch)
        await workshop.queue.run(workshop.services)
        await resume_batch(workshop.services, batch)
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["sent", "sent"]
        assert (await workshop.batch(batch)).status == "done"

    async def test_a_task_of_an_older_generation_does_nothing(self, workshop):
        batch = await workshop.submit(3)
        await pause_batch(workshop.services, batch)
        await resume_batch(workshop.services, batch)
        await deliver(workshop.services, chunk_errand(batch, 3, generation=0))
        assert not workshop.relays.strides

    async def test_work_that_takes_too_long_goes_on_in_a_follow_up(self, workshop):
        async def take_long(stride):
            workshop.clock.advance(600)

        workshop.relays.before = take_long
        batch = await workshop.submit(7)
        await workshop.queue.run(workshop.services)
        assert statuses(await workshop.progress(batch)) == ["sent"] * 7
        assert len(workshop.queue.of("deliver")) == 3
        assert set(workshop.relays.times_handed.values()) == {1}


async def test_the_time_a_claim_takes_is_not_added_to_the_time_for_sending(workshop):
    """However late the store answers, no message is begun when the lease may be over."""

    class SlowStore:
        def __getattr__(self, name):
            return getattr(workshop.store, name)

        async def commit(self, *writes):
            await asyncio.sleep(0.1)
            return await workshop.store.commit(*writes)

    message = await sent(workshop)
    before = asyncio.get_running_loop().time()
    await deliver(workshop.worker("slow", store=SlowStore()), Errand(message=message))
    begun = workshop.relays.stop_at - FENCE * workshop.policy.lease
    assert before < begun < asyncio.get_running_loop().time() - 0.2


class TestNothingThere:
    async def test_a_task_whose_message_or_batch_is_not_there_yet_says_so(self, workshop):
        for errand in (Errand(message="unknown"), chunk_errand("77", 3)):
            with pytest.raises(NotFoundYetError):
                await deliver(workshop.services, errand)

    async def test_a_finished_chunk_is_not_touched_again(self, workshop):
        batch = await workshop.submit(3)
        await workshop.queue.run(workshop.services)
        path = f"batches/{batch}/progress/000000"
        before = await workshop.store.get(ProgressFields, path)
        await deliver(workshop.services, chunk_errand(batch, 3))
        after = await workshop.store.get(ProgressFields, path)
        assert after.version == before.version
