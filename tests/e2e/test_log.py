"""What a stack logs while everything that can fail does: words and figures, and nobody's address or secret."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import httpx
import pytest

from infra.local.identity import Identity
from infra.local.ports import free_ports
from tests.e2e import checks
from tests.e2e.checks import ok
from tests.running_stack import RunningStack
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.rules.events.documents import EventLog
from warmpost.rules.model.writes import Update

PASSWORD = "Relay-Pass/4711"
WRONG_KEY = "wp_zzzzzzzz_0123456789abcdefghij"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
FAILING = ["reply-550-x", "reply-451-x", "data-550-x", "drop-after-data-x", "drop-in-data-x", "fine"]
EXPECTED = {
    "batch_done",
    "caller_rejected",
    "daily_run",
    "event_signature_rejected",
    "ingest_failed",
    "level_changed",
    "relay_unreachable",
    "uncertain",
}


@pytest.fixture(scope="module")
def log_stack():
    environment = {"WARMPOST_LOG": "json", "WARMPOST_RELAY_BROKEN": PASSWORD}
    with RunningStack(environment=environment) as running:
        yield running


def written(stack) -> str:
    logs = Path(stack.info["data"]) / "logs"
    return "".join(file.read_text() for file in sorted(logs.glob("functions-*")))


def told(stack) -> dict[str, dict[str, object]]:
    lines = [json.loads(line) for line in written(stack).splitlines()]
    return {line["event"]: line for line in lines if "event" in line}


async def fail_in_all_ways(stack, client, monkeypatch):
    sender = await checks.make_sender(client, "logged.example", warmup=True)
    await ok(client.patch("/manage/domains/logged.example", json={"level": 2}))
    template = {"name": "t", "subject": "Hi {{ name }}", "text": "Hi {{ name }}.\n"}
    await ok(client.post("/manage/templates", json=template))
    recipients = [{"to": f"{one}@inbox.example", "data": {"name": one}} for one in FAILING]
    order = {"name": "t", "from": sender.address, "template": "t", "recipients": recipients}
    await client.post("/batch-submit", json=order)
    await client.post("/send", json={"from": "nobody@logged.example", "to": ["a@b"], "subject": ""})
    await client.post("/send", content=b'{"from": "ann@example.net')
    await client.get("/manage/recipients/ann%40example.net")
    await client.get("/manage/domains", headers={"Authorization": f"Bearer {WRONG_KEY}"})
    await client.post("/event-webhook/warmpost", json=[{"return_path": "bounces@logged.example"}])
    await client.post(
        "/work/deliver", json={}, headers={"Authorization": "Bearer eyJhbGci.eyJpc3Mi.c2lnbmF0"}
    )
    await client.post("/work/deliver", json={}, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    await client.get("/track/u/IAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    [closed] = free_ports(1)
    relay = {
        "host": "127.0.0.1",
        "port": closed,
        "username": "user@relay.example",
        "password_secret": "WARMPOST_RELAY_BROKEN",
        "security": "none",
    }
    await ok(client.post("/manage/pools", json={"name": "broken", "relays": [relay]}))
    other = await checks.make_sender(client, "broken.example")
    await ok(client.patch("/manage/domains/broken.example", json={"pool": "broken"}))
    await ok(client.post("/_local/clock", json={"advance_seconds": 10, "time_limit": 5}))  # behind caches
    await ok(
        client.post(
            "/send", json={"from": other.address, "to": ["bob@inbox.example"], "subject": "x", "text": "x"}
        )
    )
    await scramble_an_event(stack, client, sender, monkeypatch)
    await rise(client)
    await ok(client.post("/_local/clock", json={"advance_seconds": 86400, "time_limit": 30}))


async def scramble_an_event(stack, client, sender, monkeypatch):
    """A log of events that cannot be read: its exception goes to the log with its traceback."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stack.info["firestore"])
    store = FirestoreStore(stack.info["project"])
    deadline = time.monotonic() + checks.PATIENCE
    while not (found := await store.find(EventLog, "events", limit=1)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    again = {"content": b"ann@example.net", "applied": 0, "due": 1.0}
    await store.commit(Update(found[0].path, again))


async def rise(client):
    """Enough good mail for a level."""
    sender = await checks.make_sender(client, "rising.example", warmup=True)
    submitted = await checks.submit_to(client, sender, "rise", 400)
    await checks.watch(client, submitted["id"])


async def test_failures_of_all_kinds_are_told_without_addresses_and_secrets(log_stack, monkeypatch):
    async with log_stack.open_client() as client:
        await fail_in_all_ways(log_stack, client, monkeypatch)
    deadline = time.monotonic() + 30
    while not told(log_stack).keys() >= EXPECTED:
        assert time.monotonic() < deadline, EXPECTED - told(log_stack).keys()
        await asyncio.sleep(0.2)
    text = written(log_stack)
    identity = Identity.kept_in(Path(log_stack.info["data"]) / "identity.json")
    secrets = [identity.api_key, identity.master_key, identity.event_secret, PASSWORD, WRONG_KEY, "eyJ"]
    assert not [one for one in (*secrets, "BEGIN PRIVATE", "IAAAAAAAAAAA") if one in text]
    assert not re.findall(r".{20}(?:@|%40).{20}", text)
    found = told(log_stack)
    assert int(str(found["uncertain"]["recipients"])) >= 1
    assert found["relay_unreachable"]["pool"] == "broken"
    assert found["ingest_failed"]["severity"] == "ERROR"
    assert "Traceback" in str(found["ingest_failed"]["stack_trace"])


async def test_a_line_carries_the_trace_of_its_request(log_stack):
    async with httpx.AsyncClient(base_url=log_stack.url, trust_env=False) as client:
        await client.post("/daily", headers={"X-Cloud-Trace-Context": f"{TRACE}/1;o=1"})
    line = json.loads(
        next(one for one in reversed(written(log_stack).splitlines()) if "caller_rejected" in one)
    )
    project = log_stack.info["project"]
    assert line["logging.googleapis.com/trace"] == f"projects/{project}/traces/{TRACE}"
    assert (line["function"], line["severity"]) == ("daily", "WARNING")
    assert line["request_id"]
