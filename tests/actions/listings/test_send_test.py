"""A test mail of a template: marked, like the real one, and without a trace in the domain's reputation."""

import pytest

from tests.actions.harness import ACCEPTED, DOMAIN, REFUSED, SENDER, a_request
from tests.actions.report_builders import day_counters_of, suppressed_for
from warmpost.actions.listings.send_test import TemplateTest, send_test
from warmpost.actions.listings.show_content import message_content_of
from warmpost.errors import Invalid, NotFound


async def tried(harness, **fields):
    made = await send_test(harness.services, 1, TemplateTest(SENDER, "me@example.com", **fields), a_request())
    await harness.queue.run(harness.services)
    return await message_content_of(harness.services, made.id, 0)


async def test_it_reaches_its_one_reader_and_says_that_it_is_a_test(harness):
    content = await tried(harness, data={"name": "Ann"})
    assert b"Subject: [Test] Hello Ann" in content
    assert b"Dear Ann" in content
    assert list(harness.relays.times_handed) == ["me@example.com"]


async def test_it_can_show_what_a_recipient_of_a_list_would_see(harness):
    number = await harness.list_of(5, pages=2)
    assert b"Dear N3" in await tried(harness, list=number, position=3)
    assert b"Dear Bob" in await tried(harness, list=number, position=3, data={"name": "Bob"})
    with pytest.raises(NotFound) as missing:
        await tried(harness, list=number, position=5)
    assert missing.value.field == "position"


@pytest.mark.parametrize("outcome", [ACCEPTED, REFUSED])
async def test_whatever_becomes_of_it_says_nothing_of_the_domain(harness, outcome):
    harness.relays.everybody = outcome
    await tried(harness, data={"name": "Ann"})
    counted = await day_counters_of(harness, DOMAIN)
    assert not {"attempted", "bounced", "delivered", "hard_bounced_unknown"} & counted.keys()
    assert await suppressed_for(harness) == {}


async def test_what_the_template_needs_is_asked_for(harness):
    with pytest.raises(Invalid) as missing:
        await tried(harness)
    assert missing.value.field == "data.name"
