"""A batch looked at before it is sent: who would get it, who would not and why, and nothing is stored."""

from dataclasses import replace

import pytest

from tests.actions.harness import DOMAIN, Harness
from tests.actions.schedule_harness import Planner
from tests.gateways.api.test_schedule import calling
from warmpost.actions.suppressions.manage_suppressions import suppress_address
from warmpost.adapters.dns import DnsResolver
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.suppressions.documents import Suppression

BATCH = {"from": f"news@{DOMAIN}", "template": 1}


@pytest.fixture
async def harness(store, dns_server):
    harness = await Harness(store).open()
    harness.services = harness.worker("one", resolver=DnsResolver([dns_server[0]]))
    return harness


@pytest.fixture
async def api(harness):
    planner = Planner(harness)
    planner.services = replace(planner.services, resolver=harness.services.resolver)
    async with calling(planner) as client:
        yield client


async def checked(api, **fields):
    answered = await api.post("/batch-submit/check", json=BATCH | fields)
    assert answered.status_code == 200, answered.text
    return answered.json()


async def suppress(harness, address, reason):
    now = harness.clock.now()
    await suppress_address(harness.services, Suppression(address, address_hash(address), reason, now))


def people(*addresses, **data):
    return [{"to": one, "data": {"name": "Ann"} | data} for one in addresses]


async def test_what_would_be_sent_is_what_is_left(api, harness):
    await suppress(harness, "gone@example.net", "hard_bounce")
    await suppress(harness, "angry@example.net", "complaint")
    recipients = people("a@example.net", "A@example.net", "gone@example.net", "angry@example.net", "nobody")
    found = await checked(api, recipients=recipients)
    assert (found["recipients"], found["would_be_sent"]) == (5, 1)
    assert (found["duplicates"], found["invalid"]) == (1, 1)
    assert found["suppressed"] == {"hard_bounce": 1, "complaint": 1}
    assert found["lacking"] == {"count": 0, "first": []}
    assert found["largest_mail"] > 1500
    assert found["cost"]["total"] > 0
    assert found["forecast"]["remaining"] == 1
    assert {one["ok"] for one in found["preflight"]} <= {False, None}
    assert await harness.store.find(Batch, "batches") == []
    assert not harness.queue.waiting


async def test_who_lacks_a_variable_is_named_and_the_batch_would_be_refused(api):
    recipients = [*people("a@example.net"), *({"to": f"r{n}@example.net", "data": {}} for n in range(30))]
    found = await checked(api, recipients=recipients)
    assert found["would_be_sent"] == 0
    assert found["lacking"]["count"] == 30
    assert found["lacking"]["first"][0] == {"to": "r0@example.net", "variables": ["name"]}
    assert len(found["lacking"]["first"]) == 20
    assert (await api.post("/batch-submit", json=BATCH | {"recipients": recipients})).status_code == 422


async def test_a_list_is_looked_at_as_a_whole(api, harness):
    reference = await harness.list_of(1200, pages=3)
    found = await checked(api, list=reference)
    assert (found["recipients"], found["looked_at"], found["would_be_sent"]) == (1200, 1200, 1200)


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"template": 99, "recipients": people("a@example.net")}, 404, "template"),
        ({"from": "a@no.example", "recipients": people("a@example.net")}, 404, "from"),
        ({"list": "none"}, 404, "list"),
        ({}, 422, "list"),
        ({"recipients": people("a@example.net"), "colour": 1}, 422, "colour"),
    ],
)
async def test_what_would_be_refused_as_a_whole_is_refused(api, fields, status, field):
    answered = await api.post("/batch-submit/check", json=BATCH | fields)
    assert (answered.status_code, answered.json()["error"]["field"]) == (status, field)
