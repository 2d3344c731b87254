"""The preflight of a real domain: its DNS as it is now, its latest batches, its week's figures, what holds it."""

from datetime import timedelta

import pytest

from tests.actions.domain_harness import NOBODY, Registry
from tests.actions.harness import START, unique
from warmpost.actions.identity.preflight import preflight
from warmpost.actions.warmup.day_counters import additions
from warmpost.errors import NotFound
from warmpost.rules.model.writes import Put
from warmpost.rules.tracking.tracking import Unsubscribe
from warmpost.rules.warmup.documents import PauseFields, WarmupState


@pytest.fixture
async def registry(harness, dns_server):
    return await Registry(harness, dns_server, f"{unique()}.example").open()


async def points(registry, services=None):
    """Whether it is ready, and each point by name."""
    found = await preflight(services or registry.services, registry.name)
    assert found.domain == registry.name
    return found.ready, {one.point: one for one in found.points}


async def test_a_verified_domain_is_ready_and_nothing_is_written(registry):
    registry.enter(registry.name, "MX", f"10 mx.{registry.name}.")
    before = await registry.stored()
    ready, found = await points(registry)
    assert ready
    assert found["mx_present"].found == f"mx.{registry.name}"
    assert found["dkim_key_length"].found == "2048 bits"
    assert {name for name, one in found.items() if one.ok is False} == {"dmarc_reports", "reports"}
    assert await registry.stored() == before


@pytest.mark.parametrize("purpose", ["dkim", "spf", "dmarc"])
async def test_what_went_a_moment_ago_is_missed(registry, purpose):
    await registry.remove(purpose)
    ready, found = await points(registry)
    name = {"dmarc": "dmarc_published"}.get(purpose, f"{purpose}_present")
    assert (ready, found[name].ok) == (False, False)


async def test_a_sub_domain_inherits_its_organisations_dmarc(harness, dns_server):
    above = f"{unique()}.example"
    registry = await Registry(harness, dns_server, f"mail.{above}").open()
    await registry.remove("dmarc")
    registry.enter(f"_dmarc.{above}", "TXT", "v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@x.example")
    ready, found = await points(registry)
    assert ready
    assert found["dmarc_published"].found == f"_dmarc.{above}: quarantine, inherited"
    assert found["dmarc_reports"].ok


async def test_a_resolver_that_is_down_leaves_points_open(registry):
    ready, found = await points(registry, registry.worker(NOBODY))
    assert not ready
    unknown = {name for name, one in found.items() if one.found == "the DNS did not answer"}
    assert unknown == {"dkim_present", "spf_present", "dmarc_published", "mx_present"}
    assert all(found[name].ok is None for name in unknown)


async def test_the_latest_batches_tell_whether_one_click_is_on(registry):
    harness, sender = registry.harness, f"news@{registry.name}"
    _, found = await points(registry)
    assert (found["one_click_unsubscribe"].ok, found["one_click_unsubscribe"].required) == (None, False)
    await harness.submit(1, registry.services, sender=sender, unsubscribe=Unsubscribe())
    await harness.queue.run(registry.services)
    ready, found = await points(registry)
    assert (ready, found["one_click_unsubscribe"].ok) == (False, False)
    for _ in range(5):
        await harness.submit(1, registry.services, sender=sender)
    await harness.queue.run(registry.services)
    ready, found = await points(registry)
    assert ready
    assert found["one_click_unsubscribe"].found == "5 of the last 5 batches had it"


async def test_complaints_and_bounces_of_the_last_seven_days_count(registry):
    await book(registry, 7, delivered=100, complained=100, bounced=100)
    await book(registry, 6, delivered=900, complained=4, bounced=6)
    await book(registry, 0, sent=96, bounced=44)
    registry.harness.clock.move_to(START)
    ready, found = await points(registry)
    assert found["complaint_rate"].found == "4 of 1,000 delivered in 7 days (0.40 %)"
    assert found["bounce_rate"].found == "50 of 1,050 in 7 days (4.76 %)"
    assert (found["complaint_rate"].ok, found["bounce_rate"].ok, ready) == (False, True, False)


async def book(registry, days_ago, **figures):
    day = (START - timedelta(days=days_ago)).date().isoformat()
    amounts = {f"by.gmail.{name}": number for name, number in figures.items()}
    simulated = {f"by.simulator.{name}": 1000 for name in figures}
    await registry.harness.store.commit(additions(registry.name, "1", "batches/1", day, amounts | simulated))


async def test_a_block_stops_and_a_pause_only_tells(registry):
    day = START.date().isoformat()
    path = f"warmup/{registry.name}"
    pause = PauseFields(START + timedelta(hours=24), START, 500, "domain")
    await registry.harness.store.commit(Put(path, WarmupState(day=day, pause=pause)))
    ready, found = await points(registry)
    assert (ready, found["no_holds"].ok) == (True, False)
    assert found["no_holds"].found == "paused until 2026-11-24 12:00 UTC"
    blocked = WarmupState(day=day, blocked_on=day, block_reason="blocked for the rest of the day")
    await registry.harness.store.commit(Put(path, blocked))
    ready, found = await points(registry)
    assert (ready, found["no_holds"].found) == (False, "blocked for the rest of the day")


async def test_a_suspension_stops(registry):
    await registry.remove("dkim")
    await registry.check(0)
    await registry.check(72)
    ready, found = await points(registry)
    assert not ready
    assert "is suspended" in found["no_holds"].found


async def test_an_unknown_domain_is_not_found(registry):
    with pytest.raises(NotFound):
        await preflight(registry.services, "nowhere.example")
