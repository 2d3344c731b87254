"""Any part killed outright in the middle of a batch: nobody twice, nobody lost, little in doubt, and an end by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.e2e import checks
from tests.e2e.checks import Json
from tests.running_stack import RunningStack

IN_DOUBT = 2 * 125  # of each worker: a claim batch of each chunk that it serves
LEASE = {"WARMPOST_LEASE_SECONDS": "3"}  # seconds of a lease are what a recovery costs


async def run_batch(
    stack: RunningStack,
    count: int,
    strike: Callable[[RunningStack, int], None],
    *,
    strikes: int = 1,
    name: str = "struck",
) -> tuple[Json, dict[str, str]]:
    """A batch during which `strike(stack, n)` happens `strikes` times, evenly over it; its end and statuses."""
    async with stack.open_client(timeout=90) as client:
        sender = await checks.make_sender(client, f"{name}.example")
        submitted = await checks.submit_to(client, sender, name, count)
        for number in range(strikes):
            share = count * (number + 1) / (strikes + 2)
            await checks.watch(
                client, submitted["id"], until=lambda batch, share=share: underway(batch) >= share
            )
            strike(stack, number)
        began = time.monotonic()
        batch = await checks.watch(client, submitted["id"])
        print(f"\n{strikes} strikes, done {time.monotonic() - began:.1f} s after the last: {batch['counts']}")
        return batch, await checks.statuses(client, submitted["id"])


def underway(batch: Json) -> int:
    counts = batch["counts"]
    return counts["sent"] + counts["sending"] + counts["uncertain"]


def kill(group: str) -> Callable[[RunningStack, int], None]:
    def strike(stack: RunningStack, number: int) -> None:
        pids = stack.pids(group)
        os.kill(pids[number % len(pids)], signal.SIGKILL)

    return strike


def assert_accounted_for(
    stack: RunningStack, batch: Json, listed: dict[str, str], count: int, *, in_doubt: int
) -> None:
    """in_doubt: how many may be uncertain at most."""
    assert batch["status"] == "done"
    assert len(listed) == count
    found = Counter(listed.values())
    assert {name: number for name, number in batch["counts"].items() if number} == dict(found)
    assert set(found) <= {"sent", "uncertain"}
    assert found["uncertain"] <= in_doubt
    received = checks.inbox(stack)
    checks.assert_nobody_twice(received)
    arrived = {one.recipient for one in received}
    assert len(received) == len(arrived) <= count
    assert {to for to, status in listed.items() if status == "sent"} <= arrived
    assert all(listed[to] in ("sent", "uncertain") for to in arrived)


async def test_worker_killed_in_the_middle_leaves_one_claim_batch_in_doubt_at_most(start_stack):
    stack = start_stack(environment=LEASE)
    batch, listed = await run_batch(stack, 2000, kill("functions"))
    assert_accounted_for(stack, batch, listed, 2000, in_doubt=IN_DOUBT)


@pytest.mark.slow
async def test_worker_killed_in_the_middle_of_five_thousand(start_stack):
    stack = start_stack()
    batch, listed = await run_batch(stack, 5000, kill("functions"))
    assert_accounted_for(stack, batch, listed, 5000, in_doubt=IN_DOUBT)


@pytest.mark.slow
async def test_several_kills_of_two_workers_whose_tasks_come_twice(start_stack):
    stack = start_stack("--workers", "2", "--duplicate-rate", "0.2", environment=LEASE)
    batch, listed = await run_batch(stack, 5000, kill("functions"), strikes=4)
    assert_accounted_for(stack, batch, listed, 5000, in_doubt=4 * IN_DOUBT)


@pytest.mark.slow
async def test_killed_queue_loses_no_task(start_stack):
    stack = start_stack()
    batch, listed = await run_batch(stack, 3000, kill("tasks"), strikes=2)
    assert_accounted_for(stack, batch, listed, 3000, in_doubt=0)


@pytest.mark.slow
async def test_killed_relay_leaves_in_doubt_only_what_it_was_holding(start_stack):
    stack = start_stack()
    batch, listed = await run_batch(stack, 3000, kill("inbox"), strikes=2)
    assert_accounted_for(stack, batch, listed, 3000, in_doubt=2 * IN_DOUBT)


@pytest.mark.slow
async def test_everything_killed_at_once_but_the_store(start_stack):
    stack = start_stack("--workers", "2", environment=LEASE)

    def strike(stack: RunningStack, _: int) -> None:
        for group in ("functions", "tasks", "inbox", "dns"):
            for pid in stack.pids(group):
                os.kill(pid, signal.SIGKILL)

    # of the workers each may have its claim batches in doubt
    batch, listed = await run_batch(stack, 3000, strike)
    assert_accounted_for(stack, batch, listed, 3000, in_doubt=2 * IN_DOUBT)


async def test_killed_worker_of_a_single_send_repeats_it_under_the_same_message_id(start_stack):
    """The default for single sends is to send again where it is unknown whether a message went out."""
    stack = start_stack(environment=LEASE)
    async with stack.open_client() as client:
        sender = await checks.make_sender(client, "one.example")
        order = {"from": sender.address, "to": ["slow-2-x@inbox.example"], "subject": "s", "text": "t"}
        accepted = await checks.ok(client.post("/send", json=order))
        while (await checks.ok(client.get(f"/send/{accepted['id']}")))["status"] != "sending":
            await asyncio.sleep(0.02)
        kill("functions")(stack, 0)
        message = await checks.message_once_done(client, accepted["id"])
    assert message["status"] == "sent"
    received = checks.inbox(stack)
    assert 1 <= len(received) <= 2
    assert len({one.message_id for one in received}) == 1
