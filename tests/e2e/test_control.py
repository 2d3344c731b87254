"""Pausing, resuming and cancelling a batch that is under way, seen from outside."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.e2e import checks
from tests.e2e.checks import Json, ok
from tests.problems import problem

COUNT = 5000


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
    """The batch once no claim batch is under way any more: those that had begun still go out."""
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


async def settle(client, path: str, body: object) -> tuple[int, Json]:
    answer = await client.post(f"{path}/uncertain", json=body)
    return answer.status_code, answer.json()


async def test_uncertain_recipients_are_tried_again_and_given_up(stack, client, sender):
    """The inbox keeps this message each time and never says so."""
    people = [{"to": to} for to in ("sure@settled.inbox", "drop-after-data-x@settled.inbox")]
    await ok(client.post("/manage/templates", json={"name": "settled", "subject": "s", "text": "t"}))
    order = {"from": sender.address, "template": "settled", "recipients": people}
    batch = (await ok(client.post("/batch-submit", json=order)))["id"]
    path = f"/batch-submit/{batch}"
    assert (await checks.watch(client, batch))["counts"]["uncertain"] == 1

    assert await settle(client, path, {"resend": True}) == (202, {"resend": True, "recipients": 1})
    shown = await checks.watch(
        client, batch, until=lambda _: len(checks.inbox(stack, domain="settled.inbox")) == 3
    )
    shown = await checks.watch(client, batch)
    assert (shown["status"], shown["counts"]["uncertain"]) == ("done", 1)
    kept = [one for one in checks.inbox(stack, domain="settled.inbox") if one.recipient.startswith("drop")]
    assert len({one.message_id for one in kept}) == 1

    assert await settle(client, path, {"resend": False}) == (202, {"resend": False, "recipients": 1})
    shown = await checks.watch(client, batch, until=lambda shown: shown["counts"]["failed"] == 1)
    assert await settle(client, path, {"resend": True}) == (202, {"resend": True, "recipients": 0})


async def test_uncertain_recipient_of_a_single_send_is_given_up(client, sender):
    order = {"from": sender.address, "to": ["drop-after-data-y@settled.inbox"], "subject": "s", "text": "t"}
    accepted = await ok(client.post("/send", json={**order, "on_uncertain": "hold"}))
    assert (await checks.message_once_done(client, accepted["id"]))["status"] == "uncertain"
    path = f"/send/{accepted['id']}"
    assert await settle(client, path, {"resend": False}) == (202, {"resend": False, "recipients": 1})
    while (await ok(client.get(path)))["status"] != "failed":
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "missing_field", "resend"),
        ({"resend": "yes"}, "invalid_field", "resend"),
        ({"resend": None}, "invalid_field", "resend"),
        ({"resend": True, "all": True}, "unknown_field", "all"),
    ],
)
async def test_what_says_neither_settles_nothing(client, body, code, field):
    for path in ("/batch-submit/1", "/send/abc"):
        answer = await client.post(f"{path}/uncertain", json=body)
        assert problem(answer) == (422, code, field)


async def test_nothing_is_settled_of_what_does_not_exist(client):
    for path, code in (("/batch-submit/999999", "batch_not_found"), ("/send/nosuch", "message_not_found")):
        answer = await client.post(f"{path}/uncertain", json={"resend": True})
        assert problem(answer)[:2] == (404, code)
