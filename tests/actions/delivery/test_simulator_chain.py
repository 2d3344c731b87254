"""The mailbox simulator plays the whole chain, and nothing of it counts anywhere."""

import pytest

from tests.actions.harness import DOMAIN, sent
from tests.actions.report_builders import (
    batch_counts,
    batch_lines,
    day_counters_of,
    lines_of_message,
    statistics,
    suppressions,
)
from warmpost.rules.delivery.mailbox_providers import SIMULATOR
from warmpost.rules.delivery.simulator import SCENARIOS
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import unpack_events
from warmpost.rules.requests.requests import RecipientOrder

ENDS = {
    "success": "delivered",
    "bounce": "bounced",
    "softbounce": "bounced",
    "complaint": "complained",
    "unsubscribe": "delivered",
    "deferred": "bounced",
    "open": "delivered",
    "click": "delivered",
}


def simulated(scenario, tag=""):
    return f"{scenario}{tag}@simulator.invalid"


async def batch_to_all(harness, tag="+x"):
    people = tuple(RecipientOrder(simulated(one, tag), {"name": one}) for one in SCENARIOS)
    batch = await harness.submit(0, recipients=people)
    await harness.queue.run(harness.services)
    return batch


async def test_every_scenario_ends_as_its_name_says_in_batches(harness):
    batch = await batch_to_all(harness)
    lines = {line.to.partition("+")[0]: line for line in await batch_lines(harness, batch)}
    assert {name: line.status for name, line in lines.items()} == ENDS
    assert [name for name, line in lines.items() if line.opened] == ["open"]
    assert [name for name, line in lines.items() if line.clicked] == ["click"]
    assert [name for name, line in lines.items() if line.unsubscribed] == ["unsubscribe"]
    assert await batch_counts(harness, batch) == {"delivered": 4, "bounced": 3, "complained": 1}
    assert harness.relays.claim_batches == []


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_every_scenario_ends_as_its_name_says_in_single_sends(harness, scenario):
    message = await sent(harness, simulated(scenario))
    await harness.queue.run(harness.services)
    (line,) = await lines_of_message(harness, message)
    assert line.status == ENDS[scenario]


async def test_a_deferral_is_played_with_all_its_tries(harness):
    message = await sent(harness, simulated("deferred"))
    await harness.queue.run(harness.services)
    (line,) = await lines_of_message(harness, message)
    statuses = [note.status.value for note in line.notes]
    assert statuses[:2] == ["deferred", "deferred"]
    assert statuses[-1] == "bounced"


async def test_readers_act_as_from_outside_after_the_delivery(harness):
    await batch_to_all(harness)
    logs = await harness.store.find(EventLog, "events")
    events = [event for log in logs for event in unpack_events(log.value.content)]
    acts = {event.kind for event in events if event.source == "simulator"}
    assert acts == {"complained", "unsubscribed", "opened", "clicked"}


async def test_nothing_of_it_reaches_suppressions_figures_or_the_statistics_of_mail(harness):
    batch = await batch_to_all(harness)
    assert await suppressions(harness) == {}
    assert await day_counters_of(harness, DOMAIN) == {"returned": 8, "settled": 8}
    assert await statistics(harness) == {}
    ((labels, figures),) = (await statistics(harness, provider=SIMULATOR)).items()
    assert labels[1:] == (DOMAIN, SIMULATOR, batch)
    assert figures == {
        "requested": 8, "delivered": 4, "bounced": 3, "complained": 1,
        "bounced_unknown_user": 1, "bounced_mailbox_full": 1, "bounced_temporary": 1,
        "opened": 1, "opened_total": 1, "clicked": 1, "clicked_total": 1,
        "unsubscribed": 1, "unsubscribed_total": 1,
    }  # fmt: skip


async def test_a_single_send_to_it_takes_nothing_from_the_day(harness):
    await sent(harness, simulated("success"), simulated("complaint"))
    await harness.queue.run(harness.services)
    assert await day_counters_of(harness, DOMAIN) == {}


async def test_the_same_addresses_can_be_mailed_again(harness):
    for _ in range(2):
        batch = await batch_to_all(harness, tag="")
        assert sum((await batch_counts(harness, batch)).values()) == len(SCENARIOS)
        assert "suppressed" not in await batch_counts(harness, batch)
