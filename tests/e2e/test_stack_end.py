"""A stack that is told to stop in the middle of its work."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from infra.local.ports import is_free
from tests.e2e import checks
from tests.running_stack import RunningStack


def is_running(pid: int) -> bool:
    """Whether a process is there and not just waiting to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
async def test_stopped_in_the_middle_of_a_batch_it_leaves_nothing_and_goes_on_the_next_time(tmp_path):
    data = ("--data", str(tmp_path / "data"))
    stack = RunningStack(*data, environment={"WARMPOST_LEASE_SECONDS": "3"})
    async with stack.open_client() as client:
        sender = await checks.make_sender(client, "stopped.example")
        submitted = await checks.submit_to(client, sender, "stopped", 1000)
        await checks.watch(client, submitted["id"], until=lambda batch: batch["counts"]["sent"] > 200)
    pids = [pid for group in stack.info["pids"].values() for pid in group]
    assert stack.stop(signal.SIGTERM) == 0
    assert not [pid for pid in pids if is_running(pid)]
    parts = ("url", "inbox_url", "smtp", "firestore", "tasks", "tasks_http", "dns")
    assert not [part for part in parts if not is_free(int(stack.info[part].rsplit(":", 1)[1]))]
    with RunningStack(*data) as again:
        async with again.open_client() as client:
            batch = await checks.watch(client, submitted["id"])
            listed = await checks.statuses(client, submitted["id"])
        received = checks.inbox(again)
    assert batch["status"] == "done"
    assert batch["counts"]["sent"] + batch["counts"]["uncertain"] == 1000
    assert batch["counts"]["uncertain"] <= 250  # two chunks may have been under way
    checks.assert_nobody_twice(received)
    assert {to for to, status in listed.items() if status == "sent"} <= {one.recipient for one in received}
