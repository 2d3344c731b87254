from datetime import datetime

import pytest

from tests.actions.harness import START, address, sent
from warmpost.actions.batches.sent_to import REPORTED_EARLY, newest_target, sent_to
from warmpost.actions.storage.pagination import Page
from warmpost.errors import Invalid
from warmpost.rules.delivery.chunks import pack
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.events import Target
from warmpost.rules.model.writes import Put


async def test_everything_sent_to_an_address_is_found_newest_first(harness):
    batch = await harness.submit(3)
    await harness.queue.run(harness.services)
    harness.clock.advance(60)
    message = await sent(harness, "else@example.net", address(1))
    await harness.queue.run(harness.services)
    found = (await sent_to(harness.services, "R1@Example.NET", Page())).items
    assert [(one.kind, one.id, one.line.to, one.line.status) for one in found] == [
        ("send", message, address(1), "sent"),
        ("batch", batch, address(1), "sent"),
    ]
    assert found[0].target == Target(message=message, position=1, address=address(1))
    assert found[1].target == Target(batch, "", 1, address(1))


async def test_all_that_was_sent_is_shown_page_by_page_whenever_it_was(harness):
    """Some at the same moment: nothing is left out and nothing shown twice."""
    ids = []
    for number in range(12):
        ids.append(await sent(harness, address(0)))
        harness.clock.advance(number % 3)
    seen, cursor = [], None
    while True:
        found = await sent_to(harness.services, address(0), Page(5, cursor))
        assert len(found.items) <= 5
        seen += [(one.created_at, one.id) for one in found.items]
        if (cursor := found.next_cursor) is None:
            break
    assert sorted(one for _, one in seen) == sorted(ids)
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("cursor", ["", "x", "x/messages/a", "/"])
async def test_a_cursor_that_no_page_gave_is_refused(harness, cursor):
    await sent(harness, address(0))
    with pytest.raises(Invalid):
        await sent_to(harness.services, address(0), Page(5, cursor))


async def test_pages_of_lists_are_nothing_that_was_sent(harness):
    await harness.list_of(2)
    await harness.store.commit(Put("batches/9/chunks/000000", pack(0, [Recipient(address(0))])))
    assert (await sent_to(harness.services, address(0), Page())).items == []


async def test_what_an_address_alone_means_is_the_newest_that_left(harness):
    first = await sent(harness, address(0))
    await harness.queue.run(harness.services)
    harness.clock.advance(3600)
    second = await sent(harness, address(0))
    await harness.queue.run(harness.services)
    await sent(harness, address(0), subject="still queued")
    assert await named(harness, address(0), harness.clock.now()) == second
    assert await named(harness, address(0), START) == first
    assert await named(harness, address(0), START - 2 * REPORTED_EARLY) == ""
    assert await named(harness, "stranger@example.net", harness.clock.now()) == ""
    assert await named(harness, "", harness.clock.now()) == ""


async def named(harness, address: str, at: datetime) -> str:
    target = await newest_target(harness.services, address, at)
    return target.message if target else ""
