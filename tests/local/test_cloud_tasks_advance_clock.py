from __future__ import annotations

import asyncio
import itertools
import time
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration

from tests.local.cloud_tasks_emulator import new_queue

DAY = 86400.0


async def add(emulator, client, queue, url, after=0.0):
    moment = emulator.clock.now() + timedelta(seconds=after)
    return await client.create_task(
        parent=queue, task={"http_request": {"url": url}, "schedule_time": moment}
    )


async def test_the_clock_arrives_where_it_was_sent(emulator):
    to = emulator.clock.timestamp() + 20 * DAY
    report = (await emulator.post("/advance", {"to": to})).json()
    assert report["now"] == pytest.approx(to, abs=2)
    assert report["offset_seconds"] == emulator.clock.offset >= 20 * DAY - 2
    assert (report["ran"], report["running"], report["waiting"]) == (0, [], 0)
    assert report["finished"] is True


async def test_tasks_run_in_order_of_their_time_at_their_time(emulator, client, receiver):
    queues = [await new_queue(client) for _ in range(3)]
    began = emulator.clock.timestamp()
    for hours in (50, 3, 26, 7, 100, 49, 24, 2, 1):
        await add(emulator, client, queues[hours % 3], receiver.url(f"/{hours}"), after=hours * 3600)
    report = await emulator.advance(3 * DAY)
    assert report["ran"] == 8
    arrived = [int(delivery.path[1:]) for delivery in receiver.deliveries]
    assert arrived == [1, 2, 3, 7, 24, 26, 49, 50]
    expected = [began + hours * 3600 for hours in arrived]
    assert [delivery.at for delivery in receiver.deliveries] == pytest.approx(expected, abs=10)


async def test_work_that_work_creates_is_done_on_the_way(emulator, client, receiver):
    queue = await new_queue(client)

    async def again(delivery):
        if len(receiver.deliveries) < 20:
            await add(emulator, client, queue, receiver.url("/release"), after=DAY)
        return 200

    receiver.answers["/release"] = again
    await add(emulator, client, queue, receiver.url("/release"), after=60)
    report = await emulator.advance(30 * DAY)
    assert (report["ran"], report["finished"]) == (20, True)
    pauses = [b.at - a.at for a, b in itertools.pairwise(receiver.deliveries)]
    assert pauses == pytest.approx([DAY] * 19, abs=10)


async def test_time_stands_while_work_of_the_moment_runs(emulator, client, receiver):
    queue, leave, entered = await new_queue(client), asyncio.Event(), asyncio.Event()

    async def work(delivery):
        entered.set()
        await leave.wait()
        return 200

    receiver.answers["/slow"] = work
    await add(emulator, client, queue, receiver.url("/slow"), after=3600)
    await add(emulator, client, queue, receiver.url("/next"), after=7200)
    started = emulator.clock.timestamp()
    journey = asyncio.create_task(emulator.advance(DAY))
    await entered.wait()
    assert emulator.clock.timestamp() - started < 7000
    assert receiver.counts() == {"/slow": 1}
    leave.set()
    await journey
    assert receiver.counts() == {"/slow": 1, "/next": 1}


async def test_retries_count_as_due_at_their_time(emulator, client, receiver):
    receiver.answers["/a"] = [500, 500, 200]
    queue = await new_queue(client, retry_config={"min_backoff": Duration(seconds=3600)})
    await add(emulator, client, queue, receiver.url("/a"))
    await add(emulator, client, queue, receiver.url("/between"), after=5400)
    await emulator.advance(DAY)
    assert [delivery.path for delivery in receiver.deliveries] == ["/a", "/a", "/between", "/a"]


async def test_a_slow_rate_passes_in_moved_time(emulator, client, receiver):
    queue = await new_queue(client, rate_limits={"max_dispatches_per_second": 0.01})
    for _ in range(15):
        await add(emulator, client, queue, receiver.url("/a"), after=3600)
    began = time.monotonic()
    report = await emulator.advance(DAY)
    assert report["ran"] == 15
    assert time.monotonic() - began < 60  # at 100 s each, five tasks beyond the burst would take 500
    pauses = [b.at - a.at for a, b in itertools.pairwise(receiver.deliveries)]
    assert pauses[9:] == pytest.approx([100] * 5, abs=5)


async def test_a_journey_ends_at_its_time_limit_and_says_what_runs(emulator, client, receiver):
    queue, leave = await new_queue(client, rate_limits={"max_concurrent_dispatches": 1}), asyncio.Event()

    async def work(delivery):
        await leave.wait()
        return 200

    receiver.answers["/stuck"] = work
    stuck = await add(emulator, client, queue, receiver.url("/stuck"))
    await add(emulator, client, queue, receiver.url("/waits"))
    await add(emulator, client, queue, receiver.url("/later"), after=60)
    started = emulator.clock.timestamp()
    report = await emulator.advance(DAY, time_limit=0.3)
    assert (report["finished"], report["running"], report["waiting"]) == (False, [stuck.name], 1)
    assert report["now"] - started < 60
    leave.set()
    report = await emulator.advance(DAY)
    assert (report["finished"], receiver.counts()["/later"]) == (True, 1)


async def test_a_paused_queue_does_not_hold_time_up(emulator, client, receiver):
    queue = await new_queue(client)
    await client.pause_queue(name=queue)
    await add(emulator, client, queue, receiver.url("/a"))
    report = await emulator.advance(DAY)
    assert (report["finished"], report["ran"], report["waiting"]) == (True, 0, 0)


async def test_time_never_moves_backward(emulator):
    before = emulator.clock.offset
    answer = await emulator.post("/advance", {"to": emulator.clock.timestamp() - 60})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "time_moves_forward")
    assert emulator.clock.offset == before


@pytest.mark.parametrize(
    "order", [None, [], {}, {"to": "soon"}, {"to": None}, {"to": 1, "time_limit": "x"}, "x"]
)
async def test_an_order_that_names_no_time_is_refused(emulator, order):
    answer = await emulator.post("/advance", order)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_time")


async def test_infinity_is_no_destination(emulator):
    for to in (float("inf"), float("nan")):
        assert (await emulator.post("/advance", {"to": to})).status_code == 409
