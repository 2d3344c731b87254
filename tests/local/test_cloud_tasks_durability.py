from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError

from infra.local.bootstrap import ROOT
from tests.local.cloud_tasks_emulator import PARENT, Emulator, Receiver

QUEUE = f"{PARENT}/queues/q"


@pytest.fixture
async def emulator(tmp_path):
    emulator = Emulator(tmp_path)
    await emulator.client().create_queue(parent=PARENT, queue={"name": QUEUE})
    yield emulator
    await emulator.stop()


@pytest.fixture
async def receiver(emulator):
    receiver = Receiver(emulator.clock)
    await receiver.start()
    yield receiver
    await receiver.stop()


async def test_every_acknowledged_task_survives_kill_9(emulator, receiver):
    client, acknowledged = emulator.client(), []
    await client.pause_queue(name=QUEUE)

    async def create(worker):
        for number in range(1000):
            name = f"{QUEUE}/tasks/{worker}-{number}"
            task = {"name": name, "http_request": {"url": receiver.url(f"/{worker}-{number}")}}
            try:
                await client.create_task(parent=QUEUE, task=task, retry=None, timeout=2)
            except GoogleAPICallError:
                return
            acknowledged.append(name)
            if len(acknowledged) == 400:
                emulator.kill()

    await asyncio.gather(*(create(worker) for worker in range(20)))
    assert len(acknowledged) >= 400
    emulator.start()
    client = emulator.client()
    kept = {task.name async for task in await client.list_tasks(parent=QUEUE)}
    assert kept >= set(acknowledged)
    assert (await emulator.get("/operations"))["created"] == len(kept)
    with pytest.raises(AlreadyExists):
        task = {"name": acknowledged[-1], "http_request": {"url": receiver.url("/")}}
        await client.create_task(parent=QUEUE, task=task)
    assert (await client.get_queue(name=QUEUE)).state.name == "PAUSED"
    await client.resume_queue(name=QUEUE)
    await emulator.advance(0)
    assert set(receiver.counts()) == {f"/{name.rpartition('/')[2]}" for name in kept}
    assert set(receiver.counts().values()) == {1}


async def test_a_task_that_ran_when_the_emulator_was_killed_is_delivered_again(emulator, receiver):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def work(delivery):
        entered.set()
        await leave.wait()
        return 200

    receiver.answers["/a"] = work
    await emulator.client().create_task(parent=QUEUE, task={"http_request": {"url": receiver.url("/a")}})
    await entered.wait()
    emulator.kill()
    leave.set()
    emulator.start()
    await emulator.advance(0)
    assert receiver.counts() == {"/a": 2}


async def test_retries_names_and_time_go_on_after_a_restart(emulator, receiver):
    client = emulator.client()
    receiver.answers["/fails"] = [503, 404]
    for path in ("/fails", "/done"):
        task = {"name": f"{QUEUE}/tasks{path}", "http_request": {"url": receiver.url(path)}}
        await client.create_task(parent=QUEUE, task=task)
    await client.pause_queue(name=QUEUE)
    await emulator.advance(0)
    await emulator.advance(600)
    moved = emulator.clock.offset
    emulator.process.send_signal(signal.SIGTERM)
    assert emulator.process.wait(5) == 0
    emulator.start()
    client = emulator.client()
    assert emulator.clock.offset == moved
    with pytest.raises(AlreadyExists, match="existed too recently"):
        task = {"name": f"{QUEUE}/tasks/done", "http_request": {"url": receiver.url("/done")}}
        await client.create_task(parent=QUEUE, task=task)
    await client.resume_queue(name=QUEUE)
    await emulator.advance(60)
    names = ("taskretrycount", "taskexecutioncount", "taskpreviousresponse")
    told = [
        tuple(delivery.headers.get(f"x-cloudtasks-{name}") for name in names)
        for delivery in receiver.at("/fails")
    ]
    assert told == [("0", "0", None), ("1", "0", "503"), ("2", "1", "404")]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_in_the_middle_of_everything(emulator, receiver, how):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def work(delivery):
        entered.set()
        await leave.wait()
        return 200

    receiver.answers["/a"] = work
    await emulator.client().create_task(parent=QUEUE, task={"http_request": {"url": receiver.url("/a")}})
    await entered.wait()
    journey = asyncio.create_task(emulator.advance(86400))
    emulator.process.send_signal(how)
    assert await asyncio.to_thread(emulator.process.wait, 5) == 0
    leave.set()
    with pytest.raises(httpx.HTTPError):
        await journey
    for port in (emulator.grpc_port, emulator.http_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_taken_port_is_said_in_one_line(emulator, tmp_path):
    arguments = ["--data", str(tmp_path / "other.sqlite"), "--clock", str(tmp_path / "clock")]
    ports = ["--grpc-port", str(emulator.grpc_port), "--http-port", str(emulator.http_port)]
    command = [sys.executable, "-m", "infra.local.cloud_tasks", *ports, *arguments]
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 1
    assert str(emulator.grpc_port) in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
