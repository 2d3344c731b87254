"""One chunk or message on its way: what is claimed, sent, tried again and given up."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import (
    ACCEPTED,
    IN_DOUBT,
    POSTPONED,
    REFUSED,
    START,
    address,
    addresses,
    chunk_job,
    message_id,
    message_progress,
    sent,
    statuses,
    template,
)
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.delivery.deliver import FENCE, RUNS_FOR, deliver
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.suppressions.manage_suppressions import suppression_path
from warmpost.rules.delivery.documents import ProgressFields
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.relays import Pool
from warmpost.rules.model.writes import Create, Put
from warmpost.rules.requests.requests import RecipientOrder
from warmpost.rules.suppressions.documents import Suppression


async def test_a_batch_reaches_everybody_once_and_is_done(harness):
    batch = await harness.submit(10)
    await harness.queue.run(harness.services)
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(10)), 1)
    assert statuses(await harness.progress(batch)) == ["sent"] * 10
    assert (await harness.batch(batch)).status == "done"
    assert [len(claim_batch) for claim_batch in harness.relays.claim_batches] == [3, 3, 3, 1]


async def test_every_claim_batch_is_claimed_in_the_store_before_its_first_message_meets_a_socket(harness):
    seen = []

    async def look(claim_batch):
        seen.append(statuses(await harness.progress(batch)))

    harness.relays.before = look
    batch = await harness.submit(7)
    await harness.queue.run(harness.services)
    assert seen == [
        ["sending"] * 3 + ["queued"] * 4,
        ["sent"] * 3 + ["sending"] * 3 + ["queued"],
        ["sent"] * 6 + ["sending"],
    ]


async def test_a_message_is_claimed_before_its_first_copy_meets_a_socket(harness):
    seen = []

    async def look(claim_batch):
        seen.append(statuses(await message_progress(harness, message)))

    harness.relays.before = look
    message = await sent(harness, address(0), address(1))
    await harness.queue.run(harness.services)
    assert seen == [["sending", "sending"]]
    assert statuses(await message_progress(harness, message)) == ["sent", "sent"]


async def test_a_relay_that_delivers_itself_makes_delivered_at_once(harness):
    (relay,) = harness.policy.shared_pool.relays
    final = Pool("shared", (replace(relay, final=True),))
    services = harness.worker("final", policy=replace(harness.policy, shared_pool=final))
    batch = await harness.submit(2)
    await harness.queue.run(services)
    assert statuses(await harness.progress(batch)) == ["delivered", "delivered"]


async def test_a_refusal_bounces_with_the_relays_words(harness):
    harness.relays.say(address(1), REFUSED)
    batch = await harness.submit(3)
    await harness.queue.run(harness.services)
    progress = await harness.progress(batch)
    assert statuses(progress) == ["sent", "bounced", "sent"]
    (note,) = progress.details[1].notes
    assert (note.code, note.enhanced_code, note.text) == (550, "5.1.1", "No such user")


async def test_a_lost_answer_is_uncertain_and_not_sent_again(harness):
    harness.relays.say(address(1), IN_DOUBT)
    batch = await harness.submit(3)
    await harness.queue.run(harness.services)
    assert statuses(await harness.progress(batch)) == ["sent", "uncertain", "sent"]
    assert harness.relays.times_handed[address(1)] == 1
    assert (await harness.batch(batch)).status == "done"


async def test_a_lost_answer_is_tried_again_under_the_same_message_id_where_the_sender_wants_it(harness):
    harness.relays.say(address(1), IN_DOUBT, ACCEPTED)
    batch = await harness.submit(3, on_uncertain="resend")
    await harness.queue.run(harness.services)
    assert statuses(await harness.progress(batch)) == ["sent", "sent", "sent"]
    twice = [one for one in harness.relays.handed if one.envelope.rcpt_to == address(1)]
    assert len(twice) == 2
    assert len({message_id(one) for one in twice}) == 1


async def test_every_recipient_of_a_batch_has_a_message_id_of_its_own(harness):
    await harness.submit(5)
    await harness.queue.run(harness.services)
    assert len({message_id(one) for one in harness.relays.handed}) == 5


class TestLeftOut:
    async def test_the_suppressed_are_not_mailed_even_if_suppressed_after_submit(self, harness):
        batch = await harness.submit(4)
        await suppress(harness.store, address(2))
        await harness.queue.run(harness.services)
        progress = await harness.progress(batch)
        assert statuses(progress) == ["sent", "sent", "suppressed", "sent"]
        assert "manual" in progress.details[2].notes[0].text

    async def test_who_is_suppressed_between_two_tries_is_not_tried_again(self, harness):
        harness.relays.say(address(0), POSTPONED)
        batch = await harness.submit(2)
        await harness.queue.run(harness.services, until=timedelta(seconds=30))
        await suppress(harness.store, address(0))
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["suppressed", "sent"]
        assert harness.relays.times_handed[address(0)] == 1

    async def test_a_batch_of_suppressed_only_is_done_without_a_relay(self, harness):
        batch = await harness.submit(2)
        await suppress(harness.store, address(0))
        await suppress(harness.store, address(1))
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["suppressed"] * 2
        assert not harness.relays.claim_batches
        assert (await harness.batch(batch)).status == "done"

    async def test_one_that_cannot_be_rendered_fails_and_the_others_go(self, harness):
        await harness.store.commit(Put("templates/1", template("Hi", "<p>{{ 6 // size }}</p>")))
        people = batch_of({"size": 1}, {"size": 0}, {"size": 2})
        batch = await harness.submit(3, recipients=people)
        await harness.queue.run(harness.services)
        progress = await harness.progress(batch)
        assert statuses(progress) == ["sent", "failed", "sent"]
        assert progress.details[1].notes[0].text

    async def test_a_line_break_that_data_brings_into_the_subject_brings_no_header(self, harness):
        people = batch_of({"name": "Ann"}, {"name": "Bob\r\nBcc: everybody@example.org"})
        batch = await harness.submit(2, recipients=people)
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["sent", "sent"]
        heads = [b"".join(message.content).partition(b"\r\n\r\n")[0] for message in harness.relays.handed]
        assert len(heads) == 2 and not any(b"\r\nBcc:" in head for head in heads)

    async def test_the_simulator_opens_no_socket_and_answers_by_its_names(self, harness):
        simulated = ["success", "bounce", "softbounce", "deferred", "complaint+x", "nonsense"]
        message = await sent(harness, *(f"{one}@simulator.invalid" for one in simulated))
        await harness.queue.run(harness.services, until=timedelta(seconds=30))
        assert statuses(await message_progress(harness, message)) == [
            "delivered",
            "bounced",
            "bounced",
            "deferred",
            "delivered",
            "bounced",
        ]
        await harness.queue.run(harness.services)
        assert statuses(await message_progress(harness, message))[3] == "bounced"
        assert not harness.relays.claim_batches


def batch_of(*data):
    return tuple(RecipientOrder(address(number), one) for number, one in enumerate(data))


async def suppress(store, text):
    one = Suppression(text, address_hash(text), "manual", START)
    await store.commit(Create(suppression_path(text), one, "changed_at"))


class TestStopping:
    async def test_a_pause_takes_effect_between_two_strides_and_resume_sends_the_rest_once(self, harness):
        async def pause(claim_batch):
            harness.clock.advance(RUNS_FOR)
            if len(harness.relays.claim_batches) == 2:
                await pause_batch(harness.services, batch)

        harness.relays.before = pause
        batch = await harness.submit(10)
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["sent"] * 6 + ["queued"] * 4
        assert (await harness.batch(batch)).status == "paused"
        harness.relays.before = None
        await resume_batch(harness.services, batch)
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["sent"] * 10
        assert set(harness.relays.times_handed.values()) == {1}
        assert (await harness.batch(batch)).status == "done"

    async def test_a_cancel_takes_effect_between_two_claim_batches(self, harness):
        async def cancel(claim_batch):
            await cancel_batch(harness.services, batch)

        harness.relays.before = cancel
        batch = await harness.submit(10)
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["sent"] * 3 + ["cancelled"] * 7
        assert (await harness.batch(batch)).status == "cancelled"
        assert len(harness.relays.claim_batches) == 1

    async def test_deferred_recipients_of_a_cancelled_batch_are_cancelled(self, harness):
        harness.relays.say(address(0), POSTPONED)
        batch = await harness.submit(2)
        await harness.queue.run(harness.services, until=timedelta(seconds=30))
        await cancel_batch(harness.services, batch)
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["cancelled", "sent"]
        assert harness.relays.times_handed[address(0)] == 1

    async def test_a_batch_paused_while_recipients_are_deferred_tries_them_again_after_resume(self, harness):
        harness.relays.say(address(0), POSTPONED, ACCEPTED)
        batch = await harness.submit(2)
        await harness.queue.run(harness.services, until=timedelta(seconds=30))
        await pause_batch(harness.services, batch)
        await harness.queue.run(harness.services)
        await resume_batch(harness.services, batch)
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["sent", "sent"]
        assert (await harness.batch(batch)).status == "done"

    async def test_a_task_of_an_older_generation_does_nothing(self, harness):
        batch = await harness.submit(3)
        await pause_batch(harness.services, batch)
        await resume_batch(harness.services, batch)
        await deliver(harness.services, chunk_job(batch, 3, generation=0))
        assert not harness.relays.claim_batches

    async def test_work_that_takes_too_long_goes_on_in_a_follow_up(self, harness):
        async def take_long(claim_batch):
            harness.clock.advance(600)

        harness.relays.before = take_long
        batch = await harness.submit(7)
        await harness.queue.run(harness.services)
        assert statuses(await harness.progress(batch)) == ["sent"] * 7
        assert len(harness.queue.of("deliver")) == 3
        assert set(harness.relays.times_handed.values()) == {1}


async def test_the_time_a_claim_takes_is_not_added_to_the_time_for_sending(harness):
    """However late the store answers, no message is begun when the lease may be over."""

    class SlowStore:
        def __getattr__(self, name):
            return getattr(harness.store, name)

        async def commit(self, *writes):
            await asyncio.sleep(0.1)
            return await harness.store.commit(*writes)

    message = await sent(harness)
    before = asyncio.get_running_loop().time()
    await deliver(harness.worker("slow", store=SlowStore()), DeliveryJob(message=message))
    begun = harness.relays.stop_at - FENCE * harness.policy.lease
    assert before < begun < asyncio.get_running_loop().time() - 0.2


class TestNothingThere:
    async def test_a_task_whose_message_or_batch_is_not_there_yet_says_so(self, harness):
        for job in (DeliveryJob(message="unknown"), chunk_job("77", 3)):
            with pytest.raises(NotStoredYetError):
                await deliver(harness.services, job)

    async def test_a_finished_chunk_is_not_touched_again(self, harness):
        batch = await harness.submit(3)
        await harness.queue.run(harness.services)
        path = f"batches/{batch}/progress/000000"
        before = await harness.store.get(ProgressFields, path)
        await deliver(harness.services, chunk_job(batch, 3))
        after = await harness.store.get(ProgressFields, path)
        assert after.version == before.version
