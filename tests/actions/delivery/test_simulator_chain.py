"""The mailbox simulator plays the whole chain, and nothing of it counts anywhere."""

import pytest

from tests.actions.reporting import (
    batch_counts,
    batch_lines,
    lines_of_message,
    statistics,
    suppressions,
    tally_of,
)
from tests.actions.workshop import DOMAIN, sent
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


async def batch_to_all(workshop, tag="+x"):
    people = tuple(RecipientOrder(simulated(one, tag), {"name": one}) for one in SCENARIOS)
    batch = await workshop.submit(0, recipients=people)
    await workshop.queue.run(workshop.services)
    return batch


async def test_every_scenario_ends_as_its_name_says_in_batches(workshop):
    batch = await batch_to_all(workshop)
    lines = {line.to.partition("+")[0]: line for line in await batch_lines(workshop, batch)}
    assert {name: line.status for name, line in lines.items()} == ENDS
    assert [name for name, line in lines.items() if line.opened] == ["open"]
    assert [name for name, line in lines.items() if line.clicked] == ["click"]
    assert [name for name, line in lines.items() if line.unsubscribed] == ["unsubscribe"]
    assert await batch_counts(workshop, batch) == {"delivered": 4, "bounced": 3, "complained": 1}
    assert workshop.relays.strides == []


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_every_scenario_ends_as_its_name_says_in_single_sends(workshop, scenario):
    message = await sent(workshop, simulated(scenario))
    await workshop.queue.run(workshop.services)
    (line,) = await lines_of_message(workshop, message)
    assert line.status == ENDS[scenario]


async def test_a_deferral_is_played_with_all_its_tries(workshop):
    message = await sent(workshop, simulated("deferred"))
    await workshop.queue.run(workshop.services)
    (line,) = await lines_of_message(workshop, message)
    statuses = [note.status.value for note in line.notes]
    assert statuses[:2] == ["deferred", "deferred"]
    assert statuses[-1] == "bounced"


async def test_readers_act_as_from_outside_after_the_delivery(workshop):
    await batch_to_all(workshop)
    logs = await workshop.store.find(EventLog, "events")
    events = [event for log in logs for event in unpack_events(log.value.content)]
    acts = {event.kind for event in events if event.source == "simulator"}
    assert acts == {"complained", "unsubscribed", "opened", "clicked"}


async def test_nothing_of_it_reaches_suppressions_figures_or_the_statistics_of_mail(workshop):
    batch = await batch_to_all(workshop)
    assert await suppressions(workshop) == {}
    assert await tally_of(workshop, DOMAIN) == {"returned": 8, "settled": 8}
    assert await statistics(workshop) == {}
    ((labels, figures),) = (await statistics(workshop, provider=SIMULATOR)).items()
    assert labels[1:] == (DOMAIN, SIMULATOR, batch)
    assert figures == {
        "requested": 8, "delivered": 4, "bounced": 3, "complained": 1,
        "bounced_unknown_user": 1, "bounced_mailbox_full": 1, "bounced_temporary": 1,
        "opened": 1, "opened_total": 1, "clicked": 1, "clicked_total": 1,
        "unsubscribed": 1, "unsubscribed_total": 1,
    }  # fmt: skip


async def test_a_single_send_to_it_takes_nothing_from_the_day(workshop):
    await sent(workshop, simulated("success"), simulated("complaint"))
    await workshop.queue.run(workshop.services)
    assert await tally_of(workshop, DOMAIN) == {}


async def test_the_same_addresses_can_be_mailed_again(workshop):
    for _ in range(2):
        batch = await batch_to_all(workshop, tag="")
        assert sum((await batch_counts(workshop, batch)).values()) == len(SCENARIOS)
        assert "suppressed" not in await batch_counts(workshop, batch)
