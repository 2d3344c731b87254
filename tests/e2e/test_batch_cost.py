"""A batch's cost, held against what the emulators saw."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter

import pytest

from tests.e2e.checks import (
    PATIENCE,
    csv_of,
    inbox,
    make_list,
    make_sender,
    message_once_done,
    ok,
    read,
    watch,
)
from tests.firestore_wire import FirestoreWire
from warmpost.rules.operations.prices import STANDARD_PRICES

COUNT = 700
SIMULATED = b"bounce@simulator.invalid,Bo\nopen@simulator.invalid,Oz\nunsubscribe@simulator.invalid,Uz\n"
COUNTED = ("reads", "writes", "deletes", "tasks", "invocations")
COMMANDS = 200
"""Bytes of an envelope's commands and the final dot, at most."""


@pytest.fixture(scope="module")
def wire(firestore):
    with FirestoreWire(firestore) as opened:
        yield opened


@pytest.fixture
async def client(wire, start_stack):
    stack = start_stack(environment={"FIRESTORE_EMULATOR_HOST": wire.host})
    async with stack.open_client() as opened:
        opened.stack = stack
        yield opened


async def test_what_is_shown_is_what_the_emulators_saw(client, wire):
    sender = await make_sender(client, "cost.example")
    recipients = await make_list(client, "payers", csv_of(COUNT, "payers.example") + SIMULATED)
    template = {"name": "bill", "subject": "Dear {{ name }}", "text": "What it costs, {{ name }}.\n"}
    await ok(client.post("/manage/templates", json=template))
    order = {"from": sender.address, "template": "bill", "list": recipients}
    batch = await ok(client.post("/batch-submit", json=order))
    order = {"from": sender.address, "to": ["ann@payers.example"], "subject": "Hello", "text": "Good day"}
    message = await ok(client.post("/send", json=order))
    await watch(client, batch["id"])
    await message_once_done(client, message["id"])
    await _agreed(client, wire)

    shown = (await read(client, f"/batch-submit/{batch['id']}"))["cost"]
    items = {name: one["count"] for name, one in shown["items"].items()}
    received = inbox(client.stack, domain="payers.example")
    sizes = sum(len(one.wire) for one in received)
    assert shown["messages"] == COUNT + len(SIMULATED.splitlines())
    assert sizes < items["relay_egress"] < sizes + COMMANDS * len(received)
    assert items["reads"] >= 2 and 10 <= items["writes"] <= 45
    assert items["vcpu_seconds"] > 0 and items["gib_seconds"] == pytest.approx(items["vcpu_seconds"])
    sums = [one["count"] / one["per"] * one["price"] for one in shown["items"].values()]
    assert shown["total"] == pytest.approx(sum(sums), abs=1e-6)
    assert shown["prices_of"] == STANDARD_PRICES.date

    (functions,) = client.stack.pids("functions")
    os.kill(functions, signal.SIGTERM)
    while await _pids(client) in ([], [functions]):
        await asyncio.sleep(0.1)
    await _agreed(client, wire)


async def _pids(client):
    return (await read(client, "/_local/stack"))["pids"]["functions"]


async def _agreed(client, wire):
    """Waits until nothing is on its way: then what is written down and what is kept in the process are all there was."""
    deadline = time.monotonic() + PATIENCE
    while True:
        cost = (await read(client, "/manage/statistics"))["cost"]
        seen = await read(client, "/_local/operations")
        told = Counter({name: cost["items"][name]["count"] for name in COUNTED})
        for kept in seen["kept"].values():
            told.update(kept)
        expected = {
            **{name: wire.seen[name] for name in ("reads", "writes", "deletes")},
            "tasks": sum(seen["tasks"].values()),
            "invocations": seen["invocations"],
        }
        found = {name: told[name] for name in COUNTED}
        if found == expected:
            assert seen["firestore"] == {name: wire.seen[name] for name in seen["firestore"]}
            return
        assert time.monotonic() < deadline, f"shown {found}, seen {expected}"
        await asyncio.sleep(0.2)
