from __future__ import annotations

import asyncio
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from tests.local.cloud_tasks_emulator import add, new_queue, until


async def test_a_paused_queue_keeps_its_tasks_until_it_is_resumed(emulator, client, receiver):
    queue = await new_queue(client)
    await client.pause_queue(name=queue)
    for _ in range(5):
        await add(client, queue, receiver.url("/a"))
    await emulator.advance(3600)
    assert receiver.deliveries == []
    await client.resume_queue(name=queue)
    await emulator.advance(0)
    assert receiver.counts() == {"/a": 5}


async def test_a_purge_forgets_what_waits_and_what_runs(emulator, client, receiver):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def work(delivery):
        entered.set()
        await leave.wait()
        return 500

    receiver.answers["/a"] = work
    queue = await new_queue(client, rate_limits={"max_concurrent_dispatches": 1})
    for _ in range(5):
        await add(client, queue, receiver.url("/a"))
    await entered.wait()
    purged = await client.purge_queue(name=queue)
    assert purged.purge_time is not None
    assert [task async for task in await client.list_tasks(parent=queue)] == []
    leave.set()
    await emulator.advance(3600)
    assert receiver.counts() == {"/a": 1}


async def test_a_deleted_task_never_arrives(emulator, client, receiver):
    queue = await new_queue(client)
    soon = emulator.clock.now() + timedelta(hours=1)
    created = await add(client, queue, receiver.url("/a"), schedule_time=soon)
    await client.delete_task(name=created.name)
    await emulator.advance(7200)
    assert receiver.deliveries == []


async def test_a_task_can_be_run_before_its_time_on_a_paused_queue(emulator, client, receiver):
    queue = await new_queue(client)
    await client.pause_queue(name=queue)
    later = emulator.clock.now() + timedelta(days=1)
    created = await add(client, queue, receiver.url("/a"), schedule_time=later)
    ran = await client.run_task(name=created.name)
    assert ran.schedule_time < later
    await until(lambda: receiver.deliveries)
    await client.resume_queue(name=queue)
    await emulator.advance(2 * 86400)
    assert receiver.counts() == {"/a": 1}


async def test_a_task_that_fails_when_run_early_keeps_its_retries(emulator, client, receiver):
    receiver.answers["/a"] = [500, 200]
    queue = await new_queue(client, retry_config={"min_backoff": Duration(seconds=30)})
    later = emulator.clock.now() + timedelta(days=1)
    created = await add(client, queue, receiver.url("/a"), schedule_time=later)
    await client.run_task(name=created.name)
    await emulator.advance(60)
    assert receiver.counts() == {"/a": 2}
