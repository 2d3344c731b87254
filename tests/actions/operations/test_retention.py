"""What need not be kept any longer goes with the daily run, and figures stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.actions.harness import IN_DOUBT, START, a_request, address, message_progress, send_order, sent
from tests.actions.report_builders import batch_counts
from warmpost.actions.batches.control_batch import pause_batch, resume_batch
from warmpost.actions.batches.settle_uncertain import settle_batch
from warmpost.actions.listings.list_messages import MessageQuery, list_messages
from warmpost.actions.listings.show_content import batch_content_of, message_content_of
from warmpost.actions.operations import retention
from warmpost.actions.operations.daily import run_daily
from warmpost.actions.schedules.control_schedule import end_schedule
from warmpost.actions.schedules.create_schedule import Timetable, create_schedule
from warmpost.actions.schedules.schedules import find_schedule
from warmpost.actions.storage.pagination import Page
from warmpost.adapters import recurrence
from warmpost.adapters.message.encryption import Encryption
from warmpost.errors import Conflict, NotFound
from warmpost.rules.message.message import Attachment

LARGE = (Attachment("b.bin", bytes(range(256)) * 4000),)


@pytest.fixture
def services(harness):
    harness.services = harness.worker("one", encryption=Encryption(bytes(range(32))), recurrence=recurrence)
    return harness.services


async def daily(harness, days):
    """The daily run so many days after the beginning, with all that follows from it."""
    harness.clock.move_to(START + timedelta(days=days))
    await run_daily(harness.services)
    await harness.queue.run(harness.services, until=timedelta(days=days + 1))


async def documents_below(store, path):
    return [
        one.id
        async for collection in store._client.document(path).collections()
        async for one in collection.list_documents()
    ]


async def test_content_of_messages_goes_after_its_days_and_who_got_them_stays(harness, services):
    small, large = await sent(harness), await sent(harness, attachments=LARGE)
    await harness.queue.run(services)
    await daily(harness, 29)
    assert b"Good day" in await message_content_of(services, small, 0)
    await daily(harness, 31)
    for one in (small, large):
        with pytest.raises(NotFound):
            await message_content_of(harness.worker("other"), one, 0)
        message = await harness.message(one)
        assert (message.message_content, message.parts, message.subject) == (b"", 0, "Hello")
        assert (await message_progress(harness, one)).counts["sent"] == 1
    content = [one async for one in harness.store._client.collection_group("parts").stream()]
    assert content == []


async def test_a_message_goes_as_a_whole_when_its_recipients_need_not_be_known(harness, services):
    message = await sent(harness, attachments=LARGE)
    await harness.queue.run(services)
    await daily(harness, 399)
    assert (await harness.message(message)).recipients
    await daily(harness, 401)
    assert (await list_messages(services, MessageQuery(), Page())).items == []
    assert await documents_below(harness.store, f"messages/{message}") == []


async def test_messages_beyond_a_page_are_reached_in_every_shard(harness, services, monkeypatch):
    monkeypatch.setattr(retention, "PAGE", 2)
    ids = [await sent(harness) for _ in range(12)]
    await harness.queue.run(services)
    await daily(harness, 31)
    assert {(await harness.message(one)).message_content for one in ids} == {b""}


async def test_a_batch_loses_its_content_then_its_recipients_and_keeps_its_figures(harness, services):
    batch = await harness.submit(4)
    await harness.queue.run(services)
    before = await batch_counts(harness, batch)
    await daily(harness, 31)
    with pytest.raises(NotFound):
        await batch_content_of(harness.worker("other"), batch, 0)
    assert (await harness.batch(batch)).kept == "recipients"
    assert "000000" in await documents_below(harness.store, f"batches/{batch}")
    await daily(harness, 401)
    assert (await harness.batch(batch)).kept == "figures"
    assert await documents_below(harness.store, f"batches/{batch}") == []
    assert await batch_counts(harness, batch) == before


async def test_a_batch_that_waits_keeps_everything(harness, services):
    batch = await harness.submit(3)
    await pause_batch(services, batch)
    await daily(harness, 500)
    await resume_batch(services, batch)
    await harness.queue.run(services, until=timedelta(days=502))
    assert sorted(harness.relays.times_handed) == [address(0), address(1), address(2)]


async def test_what_is_uncertain_cannot_be_sent_again_without_its_content(harness, services):
    harness.relays.everybody = IN_DOUBT
    batch = await harness.submit(1)
    await harness.queue.run(services)
    await daily(harness, 31)
    with pytest.raises(Conflict) as refused:
        await settle_batch(services, batch, resend=True)
    assert refused.value.code == "content_gone"
    assert await settle_batch(services, batch, resend=False) == 1


async def test_orders_of_ended_schedules_go_and_then_those_themselves(harness, services):
    times = Timetable("2026-12-24T10:00:00Z")
    ended = (await create_schedule(services, send_order(), times, "", a_request())).id
    await end_schedule(services, ended)
    await daily(harness, 31)
    assert (await find_schedule(services, ended)).value.parts == 0
    assert await documents_below(harness.store, f"schedules/{ended}") == []
    await daily(harness, 401)
    with pytest.raises(NotFound):
        await find_schedule(services, ended)
