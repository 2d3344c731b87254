"""A list becomes the chunks of a batch, in however many steps and after whatever interruption."""

import asyncio
from dataclasses import replace

import pytest

from tests.actions.faults import Fate, mortal_worker
from tests.actions.harness import START, Harness, addresses, unique
from warmpost.actions.batches import plan_batch as planning
from warmpost.actions.batches import submit_batch as submitting
from warmpost.actions.batches.control_batch import pause_batch, resume_batch
from warmpost.actions.batches.plan_batch import plan_batch
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.rules.delivery.chunks import Chunk, pack, unpack
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.writes import Delete, Put

COUNT, PAGES = 14, 7


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    for module in (planning, submitting):
        monkeypatch.setattr(module, "PAGES_PER_STEP", 2)
    monkeypatch.setattr(planning, "PAGES_PER_COMMIT", 1)
    monkeypatch.setattr(planning, "STEPS_PER_TASK", 2)


async def snapshot(harness, batch):
    chunks = await harness.store.find(Chunk, f"batches/{batch}/chunks")
    firsts = [one.value.first for one in chunks]
    people = [recipient.address for one in chunks for recipient in unpack(one.value)]
    return firsts, people


async def test_a_long_list_is_planned_by_tasks_that_follow_each_other(harness):
    batch = await harness.submit_list(await harness.list_of(COUNT, PAGES))
    assert (await harness.batch(batch)).status == "planning"
    await harness.queue.run(harness.services)
    assert await snapshot(harness, batch) == (list(range(0, COUNT, 2)), addresses(*range(COUNT)))
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
    assert (await harness.batch(batch)).status == "done"
    assert len(harness.queue.of("plan")) == 2


async def test_a_short_list_is_planned_with_the_submit_itself(harness):
    batch = await harness.submit_list(await harness.list_of(4, 2))
    value = await harness.batch(batch)
    assert (value.status, value.planned, value.chunks) == ("sending", 4, 2)
    assert not harness.queue.of("plan")


async def test_plans_side_by_side_and_repeated_make_the_same_chunks(harness):
    batch = await harness.submit_list(await harness.list_of(COUNT, PAGES))
    await asyncio.gather(*(plan_batch(harness.worker(f"w{n}"), batch) for n in range(3)))
    await harness.queue.run(harness.services, harness.worker("two"), times=2)
    assert await snapshot(harness, batch) == (list(range(0, COUNT, 2)), addresses(*range(COUNT)))
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
    assert (await harness.batch(batch)).planned == COUNT


async def test_a_planner_ended_at_any_step_leaves_a_batch_that_another_finishes(store):
    step = 0
    while True:
        step += 1
        harness = await Harness(type(store)(f"test-{unique()}")).open()
        batch = await harness.submit_list(await harness.list_of(6, 3))
        fate = Fate(step)
        try:
            await plan_batch(mortal_worker(harness, "one", fate), batch)
            harness.queue.waiting.pop(0)
        except asyncio.CancelledError:
            assert fate.is_over
        await harness.queue.run(harness.worker("two"))
        assert (await harness.batch(batch)).status == "done", step
        assert harness.relays.times_handed == dict.fromkeys(addresses(*range(6)), 1), step
        if not fate.is_over:
            return


async def test_who_was_added_to_the_list_after_submit_is_not_part_of_the_batch(harness):
    number = await harness.list_of(COUNT, PAGES)
    batch = await harness.submit_list(number)
    grown = [Recipient(one, {"name": "x"}) for one in addresses(12, 13, 14, 15)]
    more = [Recipient(one, {"name": "x"}) for one in addresses(16, 17)]
    await harness.store.commit(
        Put(f"lists/{number}/pages/{6:06d}", pack(12, grown)),
        Put(f"lists/{number}/pages/{7:06d}", pack(16, more)),
    )
    await harness.queue.run(harness.services)
    assert (await snapshot(harness, batch))[1] == addresses(*range(COUNT))
    assert (await harness.batch(batch)).status == "done"


@pytest.mark.parametrize("gone", [range(7), range(5, 7), range(1), range(3), range(2, 4)])
async def test_a_list_that_is_deleted_meanwhile_ends_the_batch_with_nobody_twice(harness, gone):
    number = await harness.list_of(COUNT, PAGES)
    batch = await harness.submit_list(number)
    await harness.store.commit(*(Delete(f"lists/{number}/pages/{page:06d}") for page in gone))
    await harness.queue.run(harness.services)
    value = await harness.batch(batch)
    assert value.status == "done"
    assert value.total == value.planned == value.released == len(harness.relays.handed)
    assert set(harness.relays.times_handed.values()) <= {1}


async def test_a_list_deleted_between_two_steps_ends_the_batch_with_nobody_twice(harness):
    number = await harness.list_of(COUNT, PAGES)
    batch = await harness.submit_list(number)
    await plan_batch(harness.services, batch)
    await harness.store.commit(*(Delete(f"lists/{number}/pages/{page:06d}") for page in range(5)))
    await harness.queue.run(harness.services)
    value = await harness.batch(batch)
    assert (value.status, value.total) == ("done", 8)
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(8)), 1)


async def test_recipients_that_left_the_list_shorten_the_batch(harness):
    number = await harness.list_of(COUNT, PAGES)
    batch = await harness.submit_list(number)
    await harness.store.commit(
        Put(f"lists/{number}/pages/{6:06d}", pack(12, [Recipient(addresses(12)[0], {"name": "x"})])),
        Put(f"lists/{number}", replace(await the_list(harness, number), count=13)),
    )
    await harness.queue.run(harness.services)
    value = await harness.batch(batch)
    assert (value.status, value.total) == ("done", 13)


async def the_list(harness, number):
    return (await harness.store.get(RecipientList, f"lists/{number}")).value


async def test_a_batch_paused_while_it_is_planned_goes_on_after_resume(harness):
    batch = await harness.submit_list(await harness.list_of(COUNT, PAGES))
    await pause_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    assert not harness.relays.claim_batches
    await resume_batch(harness.services, batch)
    await harness.queue.run(harness.services)
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
    assert (await harness.batch(batch)).status == "done"


async def test_a_batch_that_is_not_there_yet_is_said_so(harness):
    with pytest.raises(NotStoredYetError):
        await plan_batch(harness.services, "99")


async def test_the_clock_of_a_batch_starts_with_its_submit(harness):
    batch = await harness.submit_list(await harness.list_of(COUNT, PAGES))
    await harness.queue.run(harness.services)
    value = await harness.batch(batch)
    assert value.created_at == START
    assert value.finished_at is not None and value.finished_at >= START
