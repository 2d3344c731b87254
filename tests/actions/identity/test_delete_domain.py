"""A sender domain under what hangs on it: kept and named, or everything ended first and said so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import DOMAIN, batch_order, message_progress, sent, statuses
from warmpost.actions.batches.control_batch import pause_batch
from warmpost.actions.batches.report import count_batch
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.identity.delete_domain import delete_domain
from warmpost.actions.lists.manage_lists import delete_list
from warmpost.actions.schedules.schedules import find_schedule
from warmpost.actions.templates.manage_templates import delete_template
from warmpost.errors import Conflict
from warmpost.rules.delivery.documents import BatchStatus
from warmpost.rules.identity.domains import Domain
from warmpost.rules.model.writes import Delete

FUTURE = "2026-11-24T08:00:00Z"


async def refused(action) -> str:
    with pytest.raises(Conflict) as conflict:
        await action
    return conflict.value.message


async def is_there(harness) -> bool:
    return await harness.store.get(Domain, f"domains/{DOMAIN}") is not None


async def test_a_domain_is_kept_while_a_batch_sends_or_is_paused(harness):
    batch = await harness.submit(3)
    assert f"batch {batch}" in await refused(delete_domain(harness.services, DOMAIN))
    await pause_batch(harness.services, batch)
    assert f"batch {batch}" in await refused(delete_domain(harness.services, DOMAIN))
    assert await is_there(harness)


async def test_a_domain_is_kept_while_single_messages_wait(harness):
    message = await sent(harness)
    assert f"message {message}" in await refused(delete_domain(harness.services, DOMAIN))
    await harness.queue.run(harness.services)
    await delete_domain(harness.services, DOMAIN)
    assert not await is_there(harness)


async def test_a_domain_is_free_when_its_batches_are_through(harness):
    await harness.submit(3)
    await harness.queue.run(harness.services)
    await delete_domain(harness.services, DOMAIN)
    assert not await is_there(harness)


async def test_with_the_word_for_it_all_is_ended_at_once_and_says_why(harness):
    batch, message = await harness.submit(3), await sent(harness)
    await pause_batch(harness.services, batch)
    await delete_domain(harness.services, DOMAIN, "cancel")
    stored = await find_batch(harness.services, batch)
    assert (stored.value.status, stored.value.reason) == (
        BatchStatus.CANCELLED,
        f"the sender domain {DOMAIN} was deleted",
    )
    await harness.queue.run(harness.services)
    assert not harness.relays.claim_batches
    assert (await count_batch(harness.services, stored))["cancelled"] == 3
    assert statuses(await message_progress(harness, message)) == ["failed"]


async def test_a_batch_that_came_with_the_deletion_fails_with_the_reason_at_once(harness):
    batch = await harness.submit(3)
    await harness.store.commit(Delete(f"domains/{DOMAIN}"))
    await harness.queue.run(harness.services, until=timedelta(minutes=1))
    value = await harness.batch(batch)
    assert (value.status, value.reason) == (BatchStatus.FAILED, f"the sender domain {DOMAIN} was deleted")
    stored = await find_batch(harness.services, batch)
    assert (await count_batch(harness.services, stored))["failed"] == 3
    assert not harness.relays.claim_batches


async def test_what_a_schedule_needs_is_kept_until_the_schedule_ends(planner, harness):
    made = await planner.plan(FUTURE, batch_order(1))
    assert f"schedule {made}" in await refused(delete_domain(harness.services, DOMAIN))
    assert f"schedule {made}" in await refused(delete_template(harness.services, "1"))
    await delete_domain(harness.services, DOMAIN, "cancel")
    assert (await find_schedule(harness.services, made)).value.state == "ended"
    await delete_template(harness.services, "1")


async def test_a_list_is_kept_while_a_schedule_needs_it_or_a_batch_copies_it(planner, harness):
    listed = await harness.list_of(12, 12)
    order = replace(batch_order(0), list=listed, recipients=None)
    made = await planner.plan(FUTURE, order)
    assert f"schedule {made}" in await refused(delete_list(harness.services, listed))
    copied = await harness.list_of(60, 60)
    batch = await harness.submit_list(copied)
    assert f"Batch {batch} is still copying" in await refused(delete_list(harness.services, copied))
    await harness.queue.run(harness.services, until=timedelta(minutes=1))
    await delete_list(harness.services, copied)


async def test_more_than_a_few_are_not_all_named(harness):
    batches = [await harness.submit(1) for _ in range(7)]
    told = await refused(delete_domain(harness.services, DOMAIN))
    assert f"batches {', '.join(batches[:5])} and more" in told
