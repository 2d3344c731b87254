from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from datetime import timedelta

import pytest
from google.api_core.exceptions import AlreadyExists, NotFound
from google.protobuf.duration_pb2 import Duration

from infra.local.clock import MovableClock
from infra.local.cloud_tasks.http_request import Answer, Courier
from infra.local.cloud_tasks.issuer import Issuer, new_signing_key
from tests.local.cloud_tasks_emulator import add, new_queue, until


async def test_a_task_arrives_as_it_was_created(emulator, client, receiver):
    queue = await new_queue(client)
    request = {
        "http_method": "PUT",
        "body": b"\x00body",
        "headers": {
            "X-Own": "ä".encode().decode("latin-1"),
            "User-Agent": "mine",
            "Host": "elsewhere",
            "X-CloudTasks-TaskName": "forged",
            "X-Google-Anything": "forged",
        },
    }
    created = await add(client, queue, receiver.url("/a"), name=f"{queue}/tasks/t1", request=request)
    await emulator.advance(0)
    (delivery,) = receiver.deliveries
    assert (delivery.method, delivery.path, delivery.body) == ("PUT", "/a", b"\x00body")
    headers = {
        "x-cloudtasks-queuename": queue.rpartition("/")[2],
        "x-cloudtasks-taskname": "t1",
        "x-cloudtasks-taskretrycount": "0",
        "x-cloudtasks-taskexecutioncount": "0",
        "x-cloudtasks-tasketa": f"{created.schedule_time.timestamp():.6f}",
        "user-agent": "Google-Cloud-Tasks",
        "host": receiver.url("").removeprefix("http://"),
    }
    assert headers.items() <= delivery.headers.items()
    absent = {"x-google-anything", "content-type", "authorization", "x-cloudtasks-taskretryreason"}
    assert absent.isdisjoint(delivery.headers)
    with pytest.raises(NotFound, match="either successfully completed or was deleted"):
        await client.get_task(name=created.name)


async def test_retries_tell_what_came_before(emulator, client, receiver):
    # as recorded from the real service: 5xx is no execution, and the reason of a refused attempt is empty
    receiver.answers["/a"] = [503, 404, 429, 500, 302, 200]
    queue = await new_queue(client)
    await add(client, queue, receiver.url("/a"))
    await emulator.advance(60)
    names = ("taskretrycount", "taskexecutioncount", "taskpreviousresponse", "taskretryreason")
    told = [
        tuple(delivery.headers.get(f"x-cloudtasks-{name}") for name in names)
        for delivery in receiver.deliveries
    ]
    assert told == [
        ("0", "0", None, None),
        ("1", "0", "503", ""),
        ("2", "1", "404", ""),
        ("3", "2", "429", ""),
        ("4", "2", "500", ""),
        ("5", "3", "302", ""),
    ]


async def test_a_failed_task_shows_its_attempts(emulator, client, receiver):
    receiver.answers["/a"] = 503
    queue = await new_queue(client, retry_config={"min_backoff": Duration(seconds=3600)})
    created = await add(client, queue, receiver.url("/a"))
    await emulator.advance(0)
    task = await client.get_task(name=created.name)
    assert (task.dispatch_count, task.response_count) == (1, 1)
    assert task.first_attempt.dispatch_time == task.last_attempt.dispatch_time
    assert task.last_attempt.response_status.code == 14
    assert task.last_attempt.response_status.message == "UNAVAILABLE(14): HTTP status code 503"
    pause = task.schedule_time - task.last_attempt.response_time
    assert pause == timedelta(hours=1)


async def test_the_pauses_between_retries_follow_the_retry_config(emulator, client, receiver):
    receiver.answers["/a"] = 500
    backoff = {"min_backoff": Duration(seconds=10), "max_backoff": Duration(seconds=300), "max_doublings": 3}
    queue = await new_queue(client, retry_config=backoff | {"max_attempts": 9})
    created = await add(client, queue, receiver.url("/a"))
    await emulator.advance(3600)
    moments = [delivery.at for delivery in receiver.deliveries]
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert pauses == pytest.approx([10, 20, 40, 80, 160, 240, 300, 300], abs=2)
    with pytest.raises(NotFound):
        await client.get_task(name=created.name)


async def test_a_tasks_own_retry_config_goes_before_its_queues(emulator, client, receiver):
    receiver.answers["/a"] = 500
    queue = await new_queue(client, retry_config={"max_attempts": 50, "min_backoff": Duration(seconds=5)})
    own = {"max_attempts": 2}
    created = await add(client, queue, receiver.url("/a"), retry_config=own)
    assert created.retry_config.min_backoff == timedelta(seconds=5)
    await emulator.advance(3600)
    assert len(receiver.deliveries) == 2


async def test_a_task_whose_connection_breaks_is_tried_again(emulator, client, receiver):
    broken = []

    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        broken.append(1)
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    queue = await new_queue(client, retry_config={"min_backoff": Duration(seconds=60)})
    created = await add(client, queue, f"http://127.0.0.1:{port}/a")
    await until(lambda: broken)
    await emulator.advance(0)
    server.close()
    task = await client.get_task(name=created.name)
    assert (task.dispatch_count, task.response_count) == (1, 0)

    seen = []

    async def answer(reader, writer):
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await emulator.advance(61)
    server.close()
    assert "X-CloudTasks-TaskRetryReason: UNAVAILABLE\r\n" in seen[0]
    assert "X-CloudTasks-TaskRetryCount: 1\r\n" in seen[0]
    assert "X-CloudTasks-TaskExecutionCount: 0\r\n" in seen[0]


async def test_a_receiver_that_does_not_answer_is_given_up_at_the_deadline(tmp_path, receiver):
    gone = asyncio.Event()

    async def never(delivery):
        await gone.wait()
        return 200

    receiver.answers["/a"] = never
    with MovableClock(tmp_path / "clock") as clock:
        async with Courier(Issuer("http://issuer", new_signing_key()), clock) as courier:
            answer = await courier.deliver("POST", receiver.url("/a"), {}, b"", deadline=0.1)
            elsewhere = await courier.deliver("POST", "http://[broken/", {}, b"", deadline=0.1)
    gone.set()
    assert answer == Answer(504, answered=False)
    assert elsewhere == Answer(503, answered=False, reason="UNAVAILABLE")


async def test_no_more_tasks_run_at_once_than_the_queue_allows(emulator, client, receiver):
    running, peak, gate = 0, 0, asyncio.Semaphore(0)

    async def work(delivery):
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await gate.acquire()
        running -= 1
        return 200

    receiver.answers["/a"] = work
    queue = await new_queue(client, rate_limits={"max_concurrent_dispatches": 3})
    for _ in range(20):
        await add(client, queue, receiver.url("/a"))
    for done in range(18):
        await until(lambda: running == 3)
        counts = (await emulator.get("/queues"))[queue]
        assert (counts["running"], counts["waiting"], counts["due"]) == (3, 17 - done, 17 - done)
        gate.release()
        await until(lambda done=done: len(receiver.deliveries) == min(20, done + 4))
    gate.release()
    gate.release()
    await emulator.advance(0)
    assert (peak, len(receiver.deliveries)) == (3, 20)


async def test_a_queue_bursts_then_keeps_its_rate(client, receiver):
    queue = await new_queue(client, rate_limits={"max_dispatches_per_second": 20})
    await client.pause_queue(name=queue)
    for _ in range(16):
        await add(client, queue, receiver.url("/a"))
    resumed = time.monotonic()
    await client.resume_queue(name=queue)
    await until(lambda: len(receiver.deliveries) == 16)
    assert time.monotonic() - resumed > 5 / 20  # a burst of 10, then one in 50 ms


async def test_a_task_waits_for_its_time(emulator, client, receiver):
    queue = await new_queue(client)
    later = emulator.clock.now() + timedelta(days=3)
    await add(client, queue, receiver.url("/later"), schedule_time=later)
    await add(client, queue, receiver.url("/now"))
    await until(lambda: receiver.deliveries)
    await emulator.advance(3 * 86400 - 60)
    assert receiver.counts() == {"/now": 1}
    assert (await emulator.get("/queues"))[queue]["next"] == later.timestamp()
    await emulator.advance(120)
    assert receiver.counts() == {"/now": 1, "/later": 1}


async def test_a_name_is_refused_for_an_hour_after_its_task_ran(emulator, client, receiver):
    queue = await new_queue(client)
    name = f"{queue}/tasks/once"
    await add(client, queue, receiver.url("/a"), name=name)
    await emulator.advance(0)
    with pytest.raises(AlreadyExists, match="a task with this name existed too recently"):
        await add(client, queue, receiver.url("/a"), name=name)
    await emulator.advance(3500)
    with pytest.raises(AlreadyExists):
        await add(client, queue, receiver.url("/a"), name=name)
    await emulator.advance(200)
    await add(client, queue, receiver.url("/a"), name=name)
    await emulator.advance(0)
    assert receiver.counts() == {"/a": 2}


async def test_a_handler_can_queue_more_work(emulator, client, receiver):
    queue = await new_queue(client)

    async def plan(delivery):
        for number in range(20):
            await add(client, queue, receiver.url(f"/deliver/{number}"))
        return 200

    receiver.answers["/plan"] = plan
    await add(client, queue, receiver.url("/plan"))
    await emulator.advance(0)
    assert len(receiver.counts()) == len(receiver.deliveries) == 21


async def test_creations_and_deliveries_are_counted(emulator, client, receiver):
    before = await emulator.get("/operations")
    receiver.answers["/a"] = [500, 200]
    queue = await new_queue(client)
    await add(client, queue, receiver.url("/a"))
    await emulator.advance(60)
    after = await emulator.get("/operations")
    assert Counter(after) - Counter(before) == {"created": 1, "dispatched": 2}
