from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from tests.local.cloud_tasks_emulator import Emulator, Receiver, add, new_queue


@contextlib.asynccontextmanager
async def duplicating(folder, rate):
    emulator = Emulator(folder, "--duplicate-rate", rate)
    receiver = Receiver(emulator.clock)
    await receiver.start()
    try:
        yield emulator, receiver
    finally:
        await emulator.stop()
        await receiver.stop()


async def test_duplicates_are_second_deliveries_of_the_same_attempt(tmp_path):
    async with duplicating(tmp_path, "1") as (emulator, receiver):
        client = emulator.client()
        queue = await new_queue(client)
        for number in range(30):
            await add(client, queue, receiver.url(f"/{number}"), request={"body": b"same"})
        await emulator.advance(5)
        assert set(receiver.counts().values()) == {2}
        for number in range(30):
            first, second = receiver.at(f"/{number}")
            assert (first.headers, first.body) == (second.headers, second.body)


async def test_some_duplicates_come_while_the_first_delivery_runs(tmp_path):
    async with duplicating(tmp_path, "1") as (emulator, receiver):
        client, overlapped = emulator.client(), asyncio.Event()
        running: Counter[str] = Counter()

        async def work(delivery):
            running[delivery.path] += 1
            if running[delivery.path] == 2:
                overlapped.set()
            await overlapped.wait()
            running[delivery.path] -= 1
            return 200

        queue = await new_queue(client)
        for number in range(20):
            receiver.answers[f"/{number}"] = work
            await add(client, queue, receiver.url(f"/{number}"))
        async with asyncio.timeout(10):
            await overlapped.wait()


async def test_only_that_share_of_tasks_is_duplicated(tmp_path):
    async with duplicating(tmp_path, "0.5") as (emulator, receiver):
        client = emulator.client()
        queue = await new_queue(client)
        await asyncio.gather(*(add(client, queue, receiver.url(f"/{number}")) for number in range(200)))
        await emulator.advance(5)
        counts = receiver.counts()
        assert len(counts) == 200
        assert 50 < Counter(counts.values())[2] < 150  # outside once in 10^12 runs
