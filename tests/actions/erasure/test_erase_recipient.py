"""Erasing one person: nothing of them is left anywhere in the database, and nothing else has changed."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import (
    DOMAIN,
    MASTER_KEY,
    POSTPONED,
    REFUSED,
    START,
    a_request,
    address,
    batch_order,
    send_order,
    sent,
)
from tests.actions.report_builders import batch_counts, ingest, of_batch, of_message, report, suppressed_for
from warmpost.actions.batches.control_batch import pause_batch, resume_batch
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.erasure.erase_recipient import ask_to_erase, erase_recipient, find_erasure
from warmpost.actions.listings.resend_message import resend_message
from warmpost.actions.listings.show_content import message_content_of
from warmpost.actions.operations.audit import keep_audit
from warmpost.actions.schedules.create_schedule import Timetable, create_schedule
from warmpost.actions.schedules.schedules import find_schedule, read_order
from warmpost.actions.suppressions.manage_suppressions import suppress_address
from warmpost.adapters import recurrence
from warmpost.adapters.message.encryption import Encryption
from warmpost.errors import Conflict, NotFound
from warmpost.rules.delivery.envelope import Reply
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Attachment
from warmpost.rules.model.addresses import ERASED
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Put
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.webhooks.webhooks import Webhook

ANN = address(0)


@pytest.fixture
def services(harness):
    harness.services = harness.worker("one", encryption=Encryption(MASTER_KEY), recurrence=recurrence)
    return harness.services


async def erase(harness, who=ANN):
    asked = await ask_to_erase(harness.services, who)
    await harness.queue.run(harness.services)
    return (await find_erasure(harness.services, asked.id)).value


async def planned(services, order):
    return await create_schedule(services, order, Timetable("2027-02-01T10:00:00Z"), "", a_request())


def texts(value):
    """All that can be read out of a field, however it is packed."""
    if isinstance(value, dict):
        return [text for name, one in value.items() for text in [str(name), *texts(one)]]
    if isinstance(value, list | tuple):
        return [text for one in value for text in texts(one)]
    if isinstance(value, bytes):
        found = [value.decode(errors="replace")]
        for start in (0, 4):
            try:
                found.append(zlib.decompressobj().decompress(value[start:]).decode(errors="replace"))
            except zlib.error:
                continue
        return found
    return [str(value)]


async def documents_naming(store, *words):
    """Paths of documents anywhere in the database that hold one of the words."""

    async def below(collections):
        found = []
        async for collection in collections:
            async for reference in collection.list_documents():
                document = await reference.get()
                said = " ".join(texts(document.to_dict() or {})) + reference.path
                if any(word.lower() in said.lower() for word in words):
                    found.append(reference.path)
                found += await below(reference.collections())
        return found

    return await below(store._client.collections())


async def test_an_erased_person_is_nowhere_in_the_database(harness, services):
    webhook = Webhook("https://x.example.com", b"sealed", START, enabled=False)
    await harness.store.commit(Put("webhooks/w1", webhook))
    await harness.list_of(4)
    batch = await harness.submit(4)
    harness.relays.say(ANN, replace(REFUSED, reply=Reply(550, "5.1.1", f"<{ANN}> is unknown here")))
    message = await sent(harness, ANN, html=f"<p>To {ANN}</p>", attachments=(Attachment("a.txt", b"x" * 9),))
    big = await sent(harness, ANN, attachments=(Attachment("b.bin", bytes(range(256)) * 4000),))
    await planned(services, send_order(ANN, text="for N0 alone"))
    await harness.queue.run(services)
    await ingest(harness, report("complained", of_message(message), text=f"from {ANN}", source="arf"))
    await suppress_address(
        services, Suppression(ANN, address_hash(ANN), "manual", START, note=f"asked by {ANN}")
    )
    await keep_audit(services, "first", "PATCH /x", f"/manage/recipients/{ANN}", "", {"to": {"to": ANN}})
    assert len(await documents_naming(harness.store, ANN)) > 8

    done = await erase(harness)

    assert done.state == "done" and done.finished_at
    assert await documents_naming(harness.store, ANN, "N0 alone", '"N0"') == []
    assert done.erased["lists"] == 1 and done.erased["batches"] == 1 and done.erased["messages"] == 2
    assert (await batch_counts(harness, batch))["bounced"] == 1
    for one in (message, big):
        with pytest.raises(NotFound):
            await message_content_of(services, one, 0)


async def test_others_stay_as_they_were(harness, services):
    number = await harness.list_of(4)
    batch = await harness.submit(4)
    await harness.queue.run(services)
    before = await documents_naming(harness.store, address(1))
    await erase(harness)
    assert await documents_naming(harness.store, address(1)) == before
    kept = (await harness.store.get(RecipientList, f"lists/{number}")).value
    assert kept.count == 3
    assert (await batch_counts(harness, batch))["sent"] == 4


async def test_an_address_that_contains_the_erased_one_is_another(harness, services):
    message = await sent(harness, f"jo{ANN}", f"{ANN}.org")
    await harness.queue.run(services)
    await erase(harness)
    assert await documents_naming(harness.store, f"jo{ANN}") == [f"messages/{message}"]


async def test_a_suppression_still_holds_by_its_hash(harness, services):
    await suppress_address(services, Suppression(ANN, address_hash(ANN), "complaint", START))
    await erase(harness)
    assert await services.suppressed.among([ANN], DOMAIN, services.clock.now()) == {ANN: "complaint"}


async def test_whoever_is_erased_before_their_turn_gets_nothing(harness, services):
    batch = await harness.submit(4)
    await pause_batch(services, batch)
    await erase(harness)
    await resume_batch(services, batch)
    await harness.queue.run(services)
    assert sorted(harness.relays.times_handed) == [address(1), address(2), address(3)]
    counts = await batch_counts(harness, batch)
    assert (counts["sent"], counts["suppressed"]) == (3, 1)


async def test_a_message_on_its_way_is_erased_when_it_has_ended(harness, services):
    harness.relays.say(ANN, POSTPONED, replace(REFUSED))
    message = await sent(harness, ANN, address(1))
    await harness.queue.run(services, until=timedelta(seconds=5))
    asked = await ask_to_erase(services, ANN)
    await harness.queue.run(services, until=timedelta(seconds=10))
    assert (await find_erasure(services, asked.id)).value.state == "waiting"
    await harness.queue.run(services)
    assert (await find_erasure(services, asked.id)).value.state == "done"
    assert await documents_naming(harness.store, ANN) == []
    assert await documents_naming(harness.store, address(1)) == [f"messages/{message}"]


async def test_asking_twice_is_asking_once_and_asking_later_takes_what_has_come_since(harness, services):
    first = await ask_to_erase(services, ANN)
    assert (await ask_to_erase(services, ANN.upper())).id == first.id
    await harness.queue.run(services)
    await sent(harness, ANN)
    await harness.queue.run(services)
    again = await erase(harness)
    assert (again.state, again.runs, again.erased["messages"]) == ("done", 2, 1)
    assert await documents_naming(harness.store, ANN) == []


async def test_a_step_delivered_twice_changes_nothing_twice(harness, services):
    number = await harness.list_of(2)
    asked = await ask_to_erase(services, ANN)
    await harness.queue.run(services, times=2)
    assert (await find_erasure(services, asked.id)).value.erased["lists"] == 1
    assert (await harness.store.get(RecipientList, f"lists/{number}")).value.count == 1


async def test_a_step_ahead_of_its_time_comes_again(harness, services):
    asked = await ask_to_erase(services, ANN)
    with pytest.raises(Conflict):
        await erase_recipient(services, asked.id, 5)


async def test_a_report_about_an_erased_person_suppresses_nobody(harness, services):
    batch = await harness.submit(2)
    await harness.queue.run(services)
    await erase(harness)
    await ingest(
        harness, report("complained", of_batch(batch, 0)), report("unsubscribed", of_batch(batch, 0))
    )
    assert await suppressed_for(harness) == {}
    assert (await batch_counts(harness, batch))["complained"] == 1


async def test_an_order_for_several_goes_on_without_the_erased_one(harness, services):
    alone = await planned(services, send_order(ANN))
    shared = await planned(services, send_order(f"Ann <{ANN}>", address(1)))
    batch = await planned(services, batch_order(3))
    await erase(harness)
    assert (await find_schedule(services, alone.id)).value.state == "ended"
    left = await find_schedule(services, shared.id)
    assert left.value.state == "active"
    assert (await read_order(harness.store, left)).to == (address(1),)
    rows = (await read_order(harness.store, await find_schedule(services, batch.id))).recipients
    assert [one.to for one in rows] == [address(1), address(2)]


async def test_the_place_of_an_erased_person_is_shown_as_erased(harness, services):
    batch = await harness.submit(2)
    await harness.queue.run(services)
    await erase(harness)
    shown = await documents_naming(harness.store, ERASED)
    assert f"batches/{batch}/chunks/000000" in shown


async def test_a_message_that_was_erased_cannot_be_sent_again(harness, services):
    message = await sent(harness, ANN, address(1))
    await harness.queue.run(services)
    await erase(harness)
    with pytest.raises(Conflict) as refused:
        await resend_message(services, message, None, "first")
    assert refused.value.code == "content_gone"


async def test_inline_recipients_of_a_batch_are_asked_for_by_hash_alone(harness, services):
    await submit_batch(services, batch_order(600), a_request())
    await harness.queue.run(services)
    assert (await erase(harness, address(599))).erased["batches"] == 1
    assert await documents_naming(harness.store, address(599)) == []
