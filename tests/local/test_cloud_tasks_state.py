"""What the adapter sees of a queue: paused, how much is in it, and since when something is due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.local.cloud_tasks_emulator import PARENT
from warmpost.adapters.google.cloud_tasks import CloudTasks
from warmpost.errors import Unavailable

URL = "http://127.0.0.1:9/nowhere"


@pytest.fixture
def tasks(emulator):
    return CloudTasks("p", "l", "http://127.0.0.1:9", "worker@p.example", f"127.0.0.1:{emulator.grpc_port}")


async def test_a_paused_queue_shows_what_is_due_and_what_is_not(client, emulator, tasks):
    queue = f"{PARENT}/queues/notify"
    await client.create_queue(parent=PARENT, queue={"name": queue})
    await client.pause_queue(name=queue)
    now = emulator.clock.now()
    for days in (0, 1):
        wanted = {"http_request": {"url": URL}, "schedule_time": now + timedelta(days=days)}
        await client.create_task(parent=queue, task=wanted)
    seen = await tasks.state("notify", now + timedelta(hours=1))
    assert (seen.paused, seen.tasks, seen.due, seen.capped) == (True, 2, 1, False)
    assert seen.oldest_due is not None and abs(seen.oldest_due - now) < timedelta(minutes=1)


async def test_a_queue_that_is_not_there_is_unavailable(emulator, tasks):
    with pytest.raises(Unavailable):
        await tasks.state("control", emulator.clock.now())
