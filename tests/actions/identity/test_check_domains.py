"""Domains whose records break: seen, told once, and held after three days; real DNS, real Firestore, days that pass."""

import asyncio
import contextlib
from datetime import timedelta

import pytest

from tests.actions.domain_harness import NOBODY, Registry
from tests.actions.faults import FaultyStore, lost_answer, no_answer, nth
from tests.actions.harness import DOMAIN, START, a_request, send_order, statuses, unique
from warmpost.actions.batches.release_chunks import release_chunks
from warmpost.actions.batches.report import read_pace
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.identity import check_domains
from warmpost.actions.identity.manage_domains import create_domain, verify_domain
from warmpost.actions.operations.daily import run_daily
from warmpost.errors import Conflict, Unavailable
from warmpost.rules.identity.checks import broken_records, is_healthy
from warmpost.rules.identity.domains import Domain


@pytest.fixture
async def registry(harness, dns_server):
    return await Registry(harness, dns_server, f"{unique()}.example").open()


async def day(registry, number, services=None):
    """The scheduler's daily run and everything that is due by then."""
    used = services or registry.services
    registry.harness.clock.move_to(START + timedelta(days=number))
    await run_daily(used)
    await registry.harness.queue.run(used, until=timedelta(days=number, seconds=30))
    return await registry.domain()


async def test_every_verified_domain_is_looked_up_page_by_page(registry, monkeypatch):
    monkeypatch.setattr(check_domains, "PAGE", 2)
    others = [f"{unique()}.example" for _ in range(4)]
    for name in others[:3]:
        await Registry(registry.harness, registry.dns, name).open()
    await create_domain(registry.services, others[3])
    await day(registry, 1)
    checked = sorted(task.body["domain"] for task in registry.harness.queue.of("check"))
    assert checked == sorted([registry.name, DOMAIN, *others[:3]])
    assert (await registry.domain()).checked_at == START + timedelta(days=1)


@pytest.mark.parametrize("purpose", ["dkim", "spf", "dmarc"])
async def test_a_record_that_goes_is_told_once_and_once_when_it_is_back(registry, purpose):
    await registry.remove(purpose)
    for number in (1, 2):
        domain = await day(registry, number)
    assert not is_healthy(domain)
    (broken,) = broken_records(domain)
    assert (broken.purpose, broken.status, broken.broken_since) == (
        purpose,
        "missing",
        START + timedelta(days=1),
    )
    assert broken.checked_at == START + timedelta(days=2)
    await registry.publish(purpose)
    assert is_healthy(await day(registry, 2.5))
    await day(registry, 2.9)
    first, second = await registry.told()
    assert (first["type"], first["fromDomain"]) == ("records_broken", registry.name)
    assert f"{purpose.upper()} record" in first["reason"]
    assert "There is no such record." in first["reason"]
    assert (second["type"], second["fromDomain"]) == ("records_restored", registry.name)
    assert [kind for kind, _ in await registry.history()] == ["records_broken", "records_restored"]


async def test_a_resolver_that_is_down_changes_nothing_for_days(registry):
    before = await registry.stored()
    deaf = registry.worker(NOBODY)
    for number in range(1, 6):
        await day(registry, number, deaf)
    assert await registry.stored() == before
    assert await registry.told() == []
    assert is_healthy(await day(registry, 6))


async def test_a_resolver_that_is_down_restores_nothing_either(registry):
    await registry.remove("dkim")
    before = await registry.check(1)
    await registry.publish("dkim")
    assert await registry.check(80, registry.worker(NOBODY)) == before
    assert (await registry.check(81)).suspended_at is None


async def test_the_end_of_three_days_has_a_look_of_its_own(registry):
    await registry.remove("dkim")
    await registry.check(5)
    await registry.harness.queue.run(registry.services, until=timedelta(hours=76, minutes=59))
    assert (await registry.domain()).suspended_at is None
    await registry.harness.queue.run(registry.services, until=timedelta(hours=77, minutes=1))
    domain = await registry.domain()
    assert domain.suspended_at == START + timedelta(hours=77, seconds=1)
    assert [one["type"] for one in await registry.told()] == ["records_broken", "domain_suspended"]


async def suspended(registry):
    await registry.remove("dkim")
    await registry.check(0)
    assert (await registry.check(72)).suspended_at


async def refusal(doing):
    with pytest.raises(Conflict) as refused:
        await doing
    return refused.value.code, refused.value.field, refused.value.message


async def test_a_suspended_domain_takes_no_new_mail_until_its_key_is_seen(registry):
    harness, sender = registry.harness, f"news@{registry.name}"
    await suspended(registry)
    single = send_message(registry.services, send_order(sender=sender), a_request(unique()))
    code, field, message = await refusal(single)
    assert (code, field) == ("domain_suspended", "from")
    assert "missing or wrong since 2026-11-23 12:00 UTC" in message
    batch = harness.submit(3, registry.services, sender=sender)
    assert (await refusal(batch))[:2] == ("domain_suspended", "from")
    await harness.submit(1)  # another domain
    await registry.publish("dkim")
    harness.clock.advance(1)
    assert (await verify_domain(registry.services, registry.name)).suspended_at is None
    await send_message(registry.services, send_order(sender=sender), a_request(unique()))
    kinds = ["records_broken", "domain_suspended", "domain_resumed", "records_restored"]
    assert [one["type"] for one in await registry.told()] == kinds
    assert sorted(kind for kind, _ in await registry.history()) == sorted(
        ["records_broken", "suspended", "resumed", "records_restored"]
    )


@pytest.mark.parametrize("by", ["daily", "verify"])
async def test_a_held_batch_goes_on_by_itself_and_loses_nobody(registry, by):
    harness = registry.harness
    await registry.remove("dkim")
    await registry.check(0)
    batch = await harness.submit(7, registry.services, sender=f"news@{registry.name}")
    assert (await registry.check(72)).suspended_at
    await harness.queue.run(registry.services, until=timedelta(hours=73))
    assert (await harness.batch(batch)).released == 0
    pace = await read_pace(registry.services, await find_batch(registry.services, batch))
    assert (pace.status, pace.paused_until) == ("paused", None)
    assert "is suspended" in pace.reason
    assert harness.relays.handed == []
    await registry.publish("dkim")
    harness.clock.move_to(START + timedelta(hours=96))
    if by == "verify":
        await verify_domain(registry.services, registry.name)
    else:
        await run_daily(registry.services)
    await harness.queue.run(registry.services, until=timedelta(hours=97))
    assert set(harness.relays.times_handed.values()) == {1}
    assert statuses(await harness.progress(batch)) == ["sent"] * 7
    assert (await harness.batch(batch)).status == "done"


async def test_what_was_released_before_waits_as_well(registry):
    harness, sender = registry.harness, f"news@{registry.name}"
    await registry.remove("dkim")
    await registry.check(0)
    batch = await harness.submit(7, registry.services, sender=sender)
    (release,) = [task for task in harness.queue.waiting if task.verb == "release"]
    harness.queue.waiting.remove(release)
    await release_chunks(registry.services, batch)
    await send_message(registry.services, send_order(sender=sender), a_request(unique()))
    assert len(harness.queue.of("deliver")) == 2
    assert (await registry.check(72)).suspended_at
    await harness.queue.run(registry.services, until=timedelta(hours=74))
    assert harness.relays.handed == []
    await registry.publish("dkim")
    await registry.check(75)
    await harness.queue.run(registry.services, until=timedelta(hours=76))
    assert sum(harness.relays.times_handed.values()) == 8
    assert statuses(await harness.progress(batch)) == ["sent"] * 7


async def test_two_looks_at_once_tell_of_it_once(registry):
    await registry.remove("spf")
    workers = [registry.worker() for _ in range(4)]
    await asyncio.gather(*(registry.check(1, worker) for worker in workers))
    assert [one["type"] for one in await registry.told()] == ["records_broken"]
    assert len(await registry.history()) == 1


@pytest.mark.parametrize("fault", [lost_answer, no_answer])
async def test_a_commit_whose_answer_was_lost_tells_of_it_once(registry, fault):
    await registry.remove("dmarc")
    store = FaultyStore(registry.harness.store, nth(1, "domains/", fault()), written=True)
    with contextlib.suppress(Unavailable):
        await registry.check(1, registry.worker(store=store))
    await registry.check(1)
    assert [one["type"] for one in await registry.told()] == ["records_broken"]


async def test_a_queue_that_is_full_leaves_the_look_to_be_repeated(registry):
    await registry.remove("dkim")
    before = await registry.stored()
    registry.harness.queue.room = 0
    with pytest.raises(Unavailable):
        await registry.check(1)
    assert await registry.stored() == before
    registry.harness.queue.room = None
    await registry.check(1)
    assert len(registry.harness.queue.of("check")) == 1


async def test_a_domain_that_was_deleted_or_is_pending_is_left_alone(registry):
    await check_domains.check_identity(registry.services, "gone.example")
    name = f"{unique()}.example"
    await create_domain(registry.services, name)
    before = await registry.harness.store.get(Domain, f"domains/{name}")
    await check_domains.check_identity(registry.services, name)
    assert await registry.harness.store.get(Domain, f"domains/{name}") == before
