"""The latest events: newest first, by type, sender, mailbox, person and period, a page at a time."""

from datetime import timedelta

import pytest

from tests.actions.harness import DOMAIN, START, address, sent
from tests.actions.report_builders import NO_USER, ingest, of_batch, of_message, report
from warmpost.actions.listings.list_events import EventQuery, list_events
from warmpost.actions.storage.pagination import Page
from warmpost.errors import Invalid
from warmpost.rules.model.events import Target


@pytest.fixture
async def told(harness):
    """A batch of four of whom three are reported, each an hour after the other, and a message that is opened."""
    batch = await harness.submit(4)
    message = await sent(harness, "ann@gmail.com")
    await harness.queue.run(harness.services)
    for number in range(3):
        harness.clock.advance(3600)
        await ingest(harness, report("delivered", of_batch(batch, number), 60.0 + number))
    harness.clock.advance(3600)
    await ingest(harness, report("opened", of_message(message), 500.0))
    harness.clock.advance(3600)
    await ingest(harness, report("bounced", of_batch(batch, 3), 600.0, **NO_USER))
    return harness


async def kinds(harness, page=None, **query):
    found = await list_events(harness.services, EventQuery(**query), page or Page())
    return [(one.event.kind, one.to) for one in found.items]


async def test_they_come_newest_first_with_whom_they_are_about(told):
    assert await kinds(told) == [
        ("bounced", address(3)),
        ("opened", "ann@gmail.com"),
        ("delivered", address(2)),
        ("delivered", address(1)),
        ("delivered", address(0)),
    ]


async def test_they_are_chosen_by_what_people_know_of_them(told):
    assert await kinds(told, kinds=("opened", "bounced")) == [
        ("bounced", address(3)),
        ("opened", "ann@gmail.com"),
    ]
    assert await kinds(told, provider="gmail") == [("opened", "ann@gmail.com")]
    assert await kinds(told, address=address(1).upper()) == [("delivered", address(1))]
    assert len(await kinds(told, domain=DOMAIN)) == 5
    assert await kinds(told, domain="other.example") == []


async def test_a_period_is_cut_on_both_sides(told):
    since, until = START + timedelta(days=1), START + timedelta(days=60)
    assert await kinds(told, since=until) == []
    assert len(await kinds(told, until=until, since=since)) == len(await kinds(told, since=since))
    assert await kinds(told, until=START) == []


async def test_pages_follow_each_other_without_gap_or_repetition(harness):
    batch = await harness.submit(40)
    await harness.queue.run(harness.services)
    for start in range(0, 40, 10):
        some = [report("delivered", of_batch(batch, n), 60.0 + n) for n in range(start, start + 10)]
        await ingest(harness, *some)
    seen, cursor = [], None
    while True:
        page = await list_events(harness.services, EventQuery(), Page(7, cursor))
        assert len(page.items) <= 7
        seen += [one.to for one in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert sorted(seen) == sorted(address(n) for n in range(40))


async def test_a_report_of_nothing_that_was_sent_is_shown_without_a_sender(harness):
    await ingest(harness, report("complained", Target(address="x@example.net")))
    (found,) = (await list_events(harness.services, EventQuery(), Page())).items
    assert (found.to, found.domain) == ("x@example.net", "")


@pytest.mark.parametrize("cursor", ["x", "x.y", "/.0", "a/b.1", ".", "a.99999999999"])
async def test_a_cursor_that_no_page_gave_is_refused(harness, cursor):
    with pytest.raises(Invalid):
        await list_events(harness.services, EventQuery(), Page(5, cursor))
