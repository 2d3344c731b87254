"""Pausing, resuming and cancelling a batch that is under way, seen from outside."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.e2e import checks
from tests.e2e.checks import Json, ok
from tests.problems import problem

COUNT = 1500


@pytest.fixture(scope="module")
async def client(stack):
    async with stack.open_client() as client:
        yield client


@pytest.fixture(scope="module")
async def sender(client):
    return await checks.make_sender(client, "control.example")


def handed_over(batch: Json) -> int:
    return batch["counts"]["sent"] + batch["counts"]["sending"]


async def begun(client, sender, name: str) -> str:
    """The path of a batch of which a part has been sent."""
    submitted = await checks.submit_to(client, sender, name, COUNT)
    await checks.watch(client, submitted["id"], until=lambda batch: batch["counts"]["sent"] > COUNT / 6)
    return f"/batch-submit/{submitted['id']}"


async def at_rest(client, batch: int) -> Json:
    """The batch once no stride is under way any more: those that had begun still go out."""
    before: Json = {}
    while True:
        shown = await checks.watch(client, batch, until=lambda shown: not shown["counts"]["sending"])
        if shown["counts"] == before:
            return shown
        before = shown["counts"]
        await asyncio.sleep(0.7)


def arrived(stack, batch: int) -> list[str]:
    marker = f".{batch}.".encode()
    return [one.recipient for one in checks.inbox(stack) if marker in checks.id_line(one.wire)]


async def test_paused_batch_stands_still_and_goes_on_where_it_was(stack, client, sender):
    path = await begun(client, sender, "pausing")
    paused = await ok(client.post(f"{path}/pause"))
    assert paused["status"] == "paused"
    resting = await at_rest(client, paused["id"])
    assert resting["status"] == "paused"
    assert resting["counts"]["sent"] < COUNT
    await asyncio.sleep(1)  # in which it would go on
    assert (await checks.look(client, paused["id"]))["counts"] == resting["counts"]
    assert (await ok(client.post(f"{path}/pause")))["status"] == "paused"
    assert (await ok(client.post(f"{path}/resume")))["status"] == "sending"
    assert (await ok(client.post(f"{path}/resume")))["status"] in ("sending", "done")
    done = await checks.watch(client, paused["id"])
    assert (done["status"], done["counts"]["sent"]) == ("done", COUNT)
    assert Counter(arrived(stack, done["id"])) == Counter(f"r{n}@inbox.example" for n in range(COUNT))


async def test_pausing_and_resuming_again_and_again_sends_to_nobody_twice(stack, client, sender):
    path = await begun(client, sender, "wavering")
    for _ in range(10):
        for verb in ("pause", "resume"):
            answer = await client.post(f"{path}/{verb}")
            assert answer.status_code == 200 or problem(answer)[:2] == (409, "batch_done")
    done = await checks.watch(client, int(path.rpartition("/")[2]))
    assert (done["status"], done["counts"]["sent"]) == ("done", COUNT)
    assert Counter(arrived(stack, done["id"])) == Counter(f"r{n}@inbox.example" for n in range(COUNT))


async def test_cancelled_batch_keeps_what_was_sent_and_cancels_the_rest(stack, client, sender):
    path = await begun(client, sender, "cancelling")
    cancelled = await ok(client.post(f"{path}/cancel"))
    assert cancelled["status"] == "cancelled"
    ended = await at_rest(client, cancelled["id"])
    assert {name for name, number in ended["counts"].items() if number} == {"sent", "cancelled"}
    listed = await checks.statuses(client, ended["id"])
    assert Counter(listed.values()) == {name: ended["counts"][name] for name in ("sent", "cancelled")}
    sent = {to for to, status in listed.items() if status == "sent"}
    assert Counter(arrived(stack, ended["id"])) == Counter(sent)
    for verb in ("pause", "resume"):
        assert problem(await client.post(f"{path}/{verb}")) == (409, "batch_cancelled", None)
    assert (await ok(client.post(f"{path}/cancel")))["status"] == "cancelled"


async def test_paused_batch_can_be_cancelled(client, sender):
    path = await begun(client, sender, "both")
    paused = await ok(client.post(f"{path}/pause"))
    await at_rest(client, paused["id"])
    await ok(client.post(f"{path}/cancel"))
    ended = await at_rest(client, paused["id"])
    assert ended["status"] == "cancelled"
    assert ended["counts"]["sent"] + ended["counts"]["cancelled"] == COUNT


async def test_finished_batch_can_neither_be_paused_nor_cancelled(client, sender):
    submitted = await checks.submit_to(client, sender, "short", 3)
    await checks.watch(client, submitted["id"])
    for verb in ("pause", "resume", "cancel"):
        assert problem(await client.post(f"/batch-submit/{submitted['id']}/{verb}")) == (
            409,
            "batch_done",
            None,
        )


async def test_two_thousand_recipients_cost_few_writes(client, sender):
    """A warm domain: everything may go out at once."""
    before = (await ok(client.get("/_local/operations")))["firestore"]["writes"]
    made = await ok(client.post("/manage/templates", json={"name": "cheap", "subject": "s", "text": "t"}))
    recipients = await checks.make_list(client, "cheap", checks.csv_of(2000))
    imported = (await ok(client.get("/_local/operations")))["firestore"]["writes"]
    order = {"from": sender.address, "template": made["id"], "list": recipients}
    submitted = await ok(client.post("/batch-submit", json=order))
    batch = await checks.watch(client, submitted["id"])
    assert batch["counts"]["sent"] == 2000
    after = (await ok(client.get("/_local/operations")))["firestore"]["writes"]
    print(f"\n{(after - imported) / 2} writes per 1,000 recipients, {imported - before} to prepare")
    assert (after - imported) / 2 <= 25
