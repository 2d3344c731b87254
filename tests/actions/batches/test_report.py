"""What is told of batches and messages, in numbers and one by one."""

from datetime import timedelta

import pytest

from tests.actions.harness import (
    DOMAIN,
    IN_DOUBT,
    POSTPONED,
    REFUSED,
    START,
    address,
    addresses,
    perform,
    sent,
)
from warmpost.actions.batches.report import RecipientQuery, count_batch, list_recipients, message_statuses
from warmpost.actions.delivery.find import find_batch, find_message
from warmpost.errors import Invalid, NotFound
from warmpost.rules.model.writes import Put
from warmpost.rules.warmup.documents import WarmupState


@pytest.fixture
async def mixed(harness):
    """A batch of 12 on two chunks, with one of each kind."""
    harness.relays.say(address(1), REFUSED)
    harness.relays.say(address(2), IN_DOUBT)
    harness.relays.say(address(7), POSTPONED)
    batch = await harness.submit_list(await harness.list_of(12, 2))
    await harness.queue.run(harness.services, until=timedelta(seconds=30))
    return batch


async def counts(harness, batch):
    found = await count_batch(harness.services, await find_batch(harness.services, batch))
    return {name: number for name, number in found.items() if number}


async def test_the_counts_add_up_to_everybody(harness, mixed):
    assert await counts(harness, mixed) == {"sent": 9, "bounced": 1, "uncertain": 1, "deferred": 1}


async def test_before_anything_is_released_everybody_is_held(harness):
    batch = await harness.submit(5)
    assert await counts(harness, batch) == {"held": 5}
    lines, _ = await list_recipients(harness.services, batch, RecipientQuery(), "", 100)
    assert [line.status for line in lines] == ["held"] * 5


async def test_behind_the_cap_the_released_and_the_held_are_told_apart(harness):
    await harness.store.commit(Put(f"warmup/{DOMAIN}", WarmupState(warmup=True, cap=4)))
    batch = await harness.submit(6)
    await perform(harness.services, harness.queue.waiting.pop(0))
    assert await counts(harness, batch) == {"queued": 4, "held": 2}
    lines, _ = await list_recipients(harness.services, batch, RecipientQuery(), "", 100)
    assert [line.status for line in lines] == ["queued"] * 4 + ["held"] * 2


@pytest.mark.parametrize("limit", [1, 5, 6, 7, 100])
async def test_pages_hold_everybody_once_in_order(harness, mixed, limit):
    lines, cursor = await list_recipients(harness.services, mixed, RecipientQuery(), "", limit)
    seen = [line.to for line in lines]
    while cursor:
        lines, cursor = await list_recipients(harness.services, mixed, RecipientQuery(), cursor, limit)
        assert lines
        seen += [line.to for line in lines]
    assert seen == addresses(*range(12))


@pytest.mark.parametrize(
    ("status", "who"),
    [("bounced", [1]), ("uncertain", [2]), ("deferred", [7]), ("failed", []), ("sent", [0, *range(3, 7)])],
)
async def test_recipients_of_one_status(harness, mixed, status, who):
    lines, _ = await list_recipients(harness.services, mixed, RecipientQuery(status), "", len(who) or 1)
    assert [line.to for line in lines] == addresses(*who)


async def test_a_line_tells_the_relays_words_and_the_time(harness, mixed):
    lines, _ = await list_recipients(harness.services, mixed, RecipientQuery(), "", 3)
    (taken,) = lines[0].notes
    assert lines[0].sent_at == START and (taken.at, taken.status.value) == (START.timestamp(), "sent")
    (note,) = lines[1].notes
    assert (note.code, note.enhanced_code, note.text) == (550, "5.1.1", "No such user")
    assert lines[1].sent_at is None


async def test_more_chunks_than_one_look_are_all_listed(harness):
    batch = await harness.submit_list(await harness.list_of(23, 23))
    await harness.queue.run(harness.services)
    lines, cursor = await list_recipients(harness.services, batch, RecipientQuery("sent"), "", 100)
    assert [line.to for line in lines] == addresses(*range(23))
    assert cursor == ""


@pytest.mark.parametrize("cursor", ["x", "1", ":", "1:", "-1:0", "1:x", "٣:1", "1" * 30 + ":0"])
async def test_a_cursor_that_no_page_gave_is_refused(harness, cursor):
    batch = await harness.submit(1)
    with pytest.raises(Invalid) as refused:
        await list_recipients(harness.services, batch, RecipientQuery(), cursor, 10)
    assert (refused.value.code, refused.value.field) == ("invalid_cursor", "cursor")


async def test_a_cursor_behind_the_end_is_the_end(harness):
    batch = await harness.submit(1)
    assert await list_recipients(harness.services, batch, RecipientQuery(), "000005:0", 10) == ([], "")


async def test_a_message_is_told_by_recipient(harness):
    harness.relays.say(address(1), REFUSED)
    message = await sent(harness, address(0), address(1))
    await harness.queue.run(harness.services)
    lines = await message_statuses(harness.services, await find_message(harness.services, message))
    assert [(line.to, line.status) for line in lines] == [(address(0), "sent"), (address(1), "bounced")]


@pytest.mark.parametrize("unknown", ["", "x", "a/b", "é", "x" * 500])
async def test_a_message_that_is_not_there(harness, unknown):
    with pytest.raises(NotFound):
        await find_message(harness.services, unknown)
