"""What figures do not tell apart: clicks by link, readers by hour, refusals by text, and batches by their tags."""

from datetime import timedelta

from tests.actions.harness import DOMAIN, REFUSED, START, address
from tests.actions.report_builders import FULL, TODAY, ingest, of_batch, report
from warmpost.actions.events.count_details import link_shown
from warmpost.actions.statistics.details import hours_of, links_of, reasons_of
from warmpost.actions.statistics.statistics import (
    StatisticsQuery,
    add_up,
    add_up_links,
    read_booked,
    read_links,
    tags_of,
)

SHOP, BLOG = "https://example.com/shop", "https://example.com/blog"


async def a_batch(harness, count=5, **fields):
    batch = await harness.submit(count, **fields)
    await harness.queue.run(harness.services)
    return batch


def clicked(batch, position, link, seconds=60.0, **others):
    return report("clicked", of_batch(batch, position), seconds, link=link, **others)


async def test_clicks_are_counted_by_link_and_programs_apart(harness):
    batch = await a_batch(harness)
    clicks = [clicked(batch, n, SHOP) for n in range(3)] + [
        clicked(batch, 0, BLOG),
        clicked(batch, 1, BLOG, machine=True),
    ]
    await ingest(harness, *clicks)
    await ingest(harness, *clicks)
    assert await links_of(harness.services, batch) == [
        (SHOP, {"clicked": 3, "machine_clicked": 0}),
        (BLOG, {"clicked": 1, "machine_clicked": 1}),
    ]
    assert await links_of(harness.services, "99") == []


async def test_openings_are_counted_by_the_hour_of_the_deployment(harness):
    batch = await a_batch(harness)
    await ingest(
        harness,
        report("opened", of_batch(batch, 0)),
        report("opened", of_batch(batch, 1), 3700.0),
        clicked(batch, 1, SHOP, 3800.0),
    )
    first, second = await hours_of(harness.services, batch)
    assert (first[0], first[1]["opened"]) == (f"{TODAY}T12", 1)
    assert (second[0], second[1]["opened"], second[1]["clicked"]) == (f"{TODAY}T13", 1, 1)


async def test_refusals_are_counted_by_text_without_addresses(harness):
    for number in (0, 1):
        harness.relays.say(address(number), REFUSED)
    batch = await a_batch(harness)
    await ingest(harness, report("bounced", of_batch(batch, 2), **FULL))
    found = [(one.text, one.bounce_class, one.count) for one in await reasons_of(harness.services, batch)]
    assert found == [
        ("550 5.1.1 no such user", "unknown_user", 2),
        ("552 5.2.2 mailbox full", "mailbox_full", 1),
    ]


async def test_a_link_is_counted_without_the_address_in_it():
    assert link_shown("https://x.example/u?e=ann%40example.net&k=1") == "https://x.example/u?e=@&k=1"
    assert link_shown("https://x.example/u?e=ann@example.net") == "https://x.example/u?e=@"
    assert link_shown(SHOP) == SHOP


async def test_statistics_are_told_by_link_over_a_period(harness):
    batch = await a_batch(harness)
    await ingest(harness, clicked(batch, 0, SHOP), clicked(batch, 1, SHOP), clicked(batch, 1, BLOG))
    question = StatisticsQuery(TODAY, TODAY, ("link",), DOMAIN)
    rows = add_up_links(question, await read_links(harness.services, question))
    assert [(row.labels["link"], row.figures["clicked"]) for row in rows] == [(BLOG, 1), (SHOP, 2)]
    other = StatisticsQuery(TODAY, TODAY, ("link",), "other.example.com")
    assert await read_links(harness.services, other) == []
    later = TODAY + timedelta(days=1)
    assert await read_links(harness.services, StatisticsQuery(later, later)) == []


async def test_statistics_are_told_by_the_tags_of_batches(harness):
    await a_batch(harness, 3, tags={"campaign": "spring", "team": "a"})
    await a_batch(harness, 2, tags={"campaign": "autumn"})
    await a_batch(harness, 1)
    question = StatisticsQuery(TODAY, TODAY, ("tag",))
    found = await read_booked(harness.services, question)
    rows = add_up(question, found, await tags_of(harness.services, found))
    sent = {row.labels["tag"]: row.figures["sent"] for row in rows}
    assert sent == {"": 1, "campaign=autumn": 2, "campaign=spring": 3, "team=a": 3}
    assert START.date() == TODAY
