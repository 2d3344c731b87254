"""Relay, database and queue out of order: nobody waits for ever, nothing is half done, and everything goes on by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.adapters.smtp.smtp_servers import ScriptedRelay
from tests.e2e import checks
from tests.running_stack import RunningStack
from warmpost.rules.reports.signatures import sign

LONGEST = 25.0
"""Seconds, more than any time-out of ours and much less than a client's."""


@contextmanager
def stopped(stack: RunningStack, group: str) -> Iterator[None]:
    """Processes that answer nothing and refuse nothing: the worst kind of outage."""
    pids = stack.pids(group)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def requests(sender: checks.Sender, name: str) -> dict[str, tuple[str, Any]]:
    """By door, what it is asked."""
    message = {"from": sender.address, "to": [f"{name}-send@inbox.example"], "subject": "s", "text": "t"}
    people = [{"to": f"{name}-batch@inbox.example", "data": {}}]
    return {
        "send": ("/send", message),
        "batch": ("/batch-submit", {"from": sender.address, "template": name, "recipients": people}),
        "schedule": ("/schedule", {"send": message, "start_at": "2030-01-01T00:00:00Z"}),
        "manage": ("/manage/lists", {"name": f"{name} list"}),
        "events": (
            "/event-webhook/warmpost",
            [{"type": "deferred", "at": "2026-11-23T17:52:30Z", "batch": 1, "position": 0}],
        ),
    }


async def ask(client: httpx.AsyncClient, secret: str, key: str, path: str, body: Any) -> httpx.Response:
    raw, now = json.dumps(body).encode(), int(time.time())
    signed = {"Warmpost-Timestamp": str(now), "Warmpost-Signature": sign(raw, now, secret)}
    return await client.post(path, content=raw, headers={"Idempotency-Key": key, **signed})


async def ask_all(
    stack: RunningStack, client: httpx.AsyncClient, wanted: dict[str, tuple[str, Any]], key: str
) -> dict[str, httpx.Response]:
    """All doors at once; each must answer in time."""
    async with asyncio.timeout(LONGEST):
        answers = await asyncio.gather(
            *(
                ask(client, stack.info["event_secret"], f"{key}-{name}", *asked)
                for name, asked in wanted.items()
            )
        )
    return dict(zip(wanted, answers, strict=True))


def assert_refused_for_now(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, code), answer.text
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("group", "code", "independent"),
    [
        ("firestore", "store_unavailable", set()),
        pytest.param("tasks", "queue_unavailable", {"schedule", "manage"}, marks=pytest.mark.slow),
    ],
)
async def test_while_database_or_queue_hang_nothing_is_accepted_and_afterwards_all_of_it_once(
    stack, group, code, independent
):
    async with stack.open_client() as client:
        sender = await checks.make_sender(client, f"{group}-hangs.example")
        await checks.ok(client.post("/manage/templates", json={"name": group, "subject": "s", "text": "t"}))
        wanted = requests(sender, group)
        with stopped(stack, group):
            refused = await ask_all(stack, client, wanted, group)
        for name, answer in refused.items():
            if name in independent:
                assert answer.is_success, answer.text
            else:
                assert_refused_for_now(answer, code)
        first = await ask_all(stack, client, wanted, group)
        again = await ask_all(stack, client, wanted, group)
        for name, answer in first.items():
            if name != "manage":
                assert (answer.is_success, again[name].status_code) == (True, answer.status_code), answer.text
            if name in ("send", "batch", "schedule"):
                assert again[name].json()["id"] == answer.json()["id"]
        assert again["manage"].json()["error"]["code"] == "name_taken"
        await checks.message_once_done(client, first["send"].json()["id"])
        assert (await checks.watch(client, first["batch"].json()["id"]))["counts"]["sent"] == 1
    received = [one.recipient for one in checks.inbox(stack) if one.recipient.startswith(f"{group}-")]
    assert sorted(received) == [f"{group}-batch@inbox.example", f"{group}-send@inbox.example"]


async def test_a_batch_says_that_no_relay_can_be_reached_and_goes_on_when_one_can(start_stack):
    server = ScriptedRelay()
    async with server:
        port = server.port
    stack = start_stack("--relay", f"smtp://127.0.0.1:{port}?starttls=never")
    async with stack.open_client() as client:
        sender = await checks.make_sender(client, "stalled.example")
        submitted = await checks.submit_to(client, sender, "stalled", 20)
        shown = await checks.watch(
            client, submitted["id"], until=lambda batch: batch["stalled"] and batch["counts"]["queued"] == 20
        )
        assert "no relay of pool shared takes mail" in shown["stalled"]["reason"]
        assert f"127.0.0.1:{port}: Connection refused" in shown["stalled"]["reason"]
        order = {"from": sender.address, "to": ["one@inbox.example"], "subject": "s", "text": "t"}
        message = await checks.ok(client.post("/send", json=order))
        while not (single := await checks.read(client, f"/send/{message['id']}"))["stalled"]:
            await asyncio.sleep(0.05)
        assert single["status"] == "queued"
        async with server:
            done = await checks.watch(client, submitted["id"])
            sent = await checks.message_once_done(client, message["id"])
        assert (done["counts"]["sent"], done["stalled"], sent["status"], sent["stalled"]) == (
            20, None, "sent", None,
        )  # fmt: skip
    assert len(server.taken) == len(set(server.taken)) == 21
