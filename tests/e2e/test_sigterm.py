"""The platform takes a worker away: SIGTERM, ten seconds, SIGKILL. The worker runs as the platform runs it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import httpx
import jwt
import msgspec
import pytest
from google.cloud.tasks_v2 import CloudTasksAsyncClient, Task
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport

from infra.local.bootstrap import ROOT
from infra.local.settings import INVOKER, LOCATION
from tests.e2e import checks
from tests.e2e.checks import ok

GRANTED = 10.0
CLAIM_BATCH = 20
SETTINGS = {"WARMPOST_CLAIM_BATCH": str(CLAIM_BATCH), "WARMPOST_LEASE_SECONDS": "20"}


@asynccontextmanager
async def deliver_queue(stack):
    """The client of the queue, and the queue's name."""
    async with grpc.aio.insecure_channel(
        stack.info["tasks"], options=[("grpc.enable_http_proxy", 0)]
    ) as channel:
        client = CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
        project = stack.info["project"]
        yield client, f"projects/{project}/locations/{LOCATION}/queues/deliver"


@asynccontextmanager
async def platform_worker(stack):
    """`work` under the real `functions-framework` command, with the settings of the stack's own functions."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = Path(f"/proc/{stack.pids('functions')[0]}/environ").read_bytes().split(b"\0")
    settings = dict(one.decode().split("=", 1) for one in told if one)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("functions-framework")),
        *("--asgi", "--target", "work", "--source", str(ROOT / "functions" / "main.py")),
        *("--host", "127.0.0.1", "--port", str(port)),
        env={**settings, "WARMPOST_OIDC_SIGNATURE": "platform"},
        cwd=ROOT / "functions",
    )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False
        ) as client:
            await answering(client)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answering(client):
    deadline = time.monotonic() + checks.PATIENCE
    while time.monotonic() < deadline:
        try:
            await client.get("/robots.txt")
            return
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    raise AssertionError("the worker does not answer")


def token(stack):
    """As the platform passes it on, its signature stripped."""
    now = int(time.time())
    claims: dict[str, object] = {"iss": f"http://{stack.info['tasks_http']}", "aud": f"{stack.url}/work"}
    claims |= {"email": INVOKER, "email_verified": True, "iat": now, "exp": now + 3600, "sub": "1"}
    return jwt.encode(claims, key="", algorithm="none")


async def the_task(client, queue):
    """The batch's one deliver task, taken from the queue."""
    for _ in range(400):
        async for task in await client.list_tasks(request={"parent": queue, "response_view": Task.View.FULL}):
            await client.delete_task(name=task.name)
            return task
        await asyncio.sleep(0.05)
    raise AssertionError("no task was queued")


async def run(stack, recipients, *, strike_at):
    """A batch whose worker gets SIGTERM once so many have arrived; the answer, and the seconds the worker took to end."""
    async with stack.open_client() as client, deliver_queue(stack) as (tasks, queue):
        sender = await checks.make_sender(client, "leaving.example")
        await ok(client.post("/manage/templates", json={"name": "t", "subject": "s", "text": "t"}))
        await tasks.pause_queue(name=queue)
        order = {"from": sender.address, "template": "t", "recipients": [{"to": to} for to in recipients]}
        batch = (await ok(client.post("/batch-submit", json=order)))["id"]
        task = await the_task(tasks, queue)
        async with platform_worker(stack) as (process, worker):
            headers = {"Authorization": f"Bearer {token(stack)}", "Content-Type": "application/json"}
            asked = asyncio.create_task(
                worker.post("/deliver", content=task.http_request.body, headers=headers)
            )
            while len(checks.inbox(stack)) < strike_at and not asked.done():
                await asyncio.sleep(0.02)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            answer = await asked
            await asyncio.wait_for(process.wait(), GRANTED)
            seconds = time.monotonic() - began
        left = await checks.look(client, batch)
        await tasks.resume_queue(name=queue)
        ended = await checks.watch(client, batch)
        return answer, seconds, left["counts"], ended["counts"]


async def test_worker_finishes_its_claim_batch_gives_back_its_lease_and_leaves_the_rest_to_the_next(
    start_stack,
):
    stack = start_stack(environment=SETTINGS)
    recipients = [f"slow-0.2-{n}@inbox.example" for n in range(120)]
    answer, seconds, left, ended = await run(stack, recipients, strike_at=CLAIM_BATCH + 5)
    assert answer.status_code == 200, answer.text
    assert msgspec.json.decode(answer.content) == {"done": True}
    assert seconds < GRANTED
    assert left["sending"] == left["uncertain"] == 0
    assert 0 < left["sent"] < 120
    assert ended["sent"] == 120
    received = checks.inbox(stack)
    checks.assert_nobody_twice(received)
    assert Counter(one.recipient for one in received) == Counter(recipients)


@pytest.mark.slow
async def test_only_messages_whose_answer_does_not_come_in_time_are_uncertain(start_stack):
    stack = start_stack(environment=SETTINGS)
    recipients = ["slow-60-x@inbox.example", *(f"r{n}@inbox.example" for n in range(59))]
    answer, seconds, left, ended = await run(stack, recipients, strike_at=CLAIM_BATCH - 1)
    assert answer.status_code == 200, answer.text
    assert seconds < GRANTED
    assert left["uncertain"] == 1
    assert ended["sent"] == 59
    received = checks.inbox(stack)
    checks.assert_nobody_twice(received)
    assert {one.recipient for one in received} >= set(recipients[1:])
