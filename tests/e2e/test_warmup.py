"""Warm-up on the whole stack, seen from outside, with two workers and every fifth task delivered twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.e2e import checks
from tests.e2e.checks import ok
from tests.problems import problem
from tests.running_stack import RunningStack

CAP = 100
TEN = range(10)


@pytest.fixture(scope="module")
def stack():
    with RunningStack("--workers", "2", "--duplicate-rate", "0.2") as running:
        yield running


@pytest.fixture(scope="module")
async def client(stack):
    async with stack.open_client() as client:
        yield client


async def a_domain(client, name, **by_hand):
    """At level 1, unless set otherwise by hand."""
    sender = await checks.make_sender(client, name, warmup=True)
    if by_hand:
        await ok(client.patch(f"/manage/domains/{name}", json=by_hand))
    return sender


def recipients(name, number, count=30):
    return [{"to": f"r{number}-{n}@{name}.inbox", "data": {"name": f"N{n}"}} for n in range(count)]


async def submit(client, sender, name, people, **fields):
    template = {
        "name": f"{name}-{people[0]['to']}",
        "subject": "Dear {{ name }}",
        "text": "Hello {{ name }}\n",
    }
    made = await ok(client.post("/manage/templates", json=template))
    order = {"from": sender.address, "template": made["id"], "recipients": people, **fields}
    return (await ok(client.post("/batch-submit", json=order)))["id"]


async def advance(client, **to):
    report = await ok(client.post("/_local/clock", json=to))
    assert report["finished"], report


async def paused(client, batches):
    """All of them, once the domain pauses those that hold recipients and nobody is on the way."""

    def rests(batch):
        waits = batch["counts"]["queued"] + batch["counts"]["sending"]
        return not waits and (batch["status"] in checks.ENDED or bool(batch["paused_until"]))

    return [await checks.watch(client, one, until=rests) for one in batches]


def arrived(stack, name):
    return [one.recipient for one in checks.inbox(stack, domain=f"{name}.inbox")]


async def kill_workers(stack, times):
    for _ in range(times):
        await asyncio.sleep(0.3)  # a life long enough to begin something
        pids = json.loads(Path(stack.info["data"], "stack.json").read_text())["pids"]["functions"]
        with contextlib.suppress(ProcessLookupError):
            os.kill(random.choice(pids), signal.SIGKILL)


async def submit_surely(client, sender, name, people):
    """As a client that asks again where its connection broke."""
    text = {"subject": "Dear {{ name }}", "text": "Hello {{ name }}\n"}
    while True:
        try:
            named = {"name": f"{name}-{people[0]['to']}", **text}
            if (await client.post("/manage/templates", json=named)).status_code not in (201, 409):
                continue
            order = {"from": sender.address, "template": named["name"], "recipients": people}
            headers = {"Idempotency-Key": named["name"]}
            answer = await client.post("/batch-submit", json=order, headers=headers)
        except httpx.TransportError:
            continue
        if answer.is_success:
            return answer.json()["id"]


async def test_ten_batches_pause_at_exactly_the_cap_and_go_on_24_hours_later(stack, client):
    sender = await a_domain(client, "ten.example", cap=CAP)
    batches = await asyncio.gather(
        *(submit(client, sender, "ten", recipients("ten", number)) for number in TEN)
    )
    resting = await paused(client, batches)
    assert len(arrived(stack, "ten")) == CAP
    held = [one for one in resting if one["counts"]["held"]]
    assert {one["status"] for one in held} == {"paused"}
    until = {one["paused_until"] for one in held}
    assert len(until) == 1
    ends = datetime.fromisoformat(until.pop())
    domain = await ok(client.get("/manage/domains/ten.example"))
    assert (domain["state"], domain["sent_today"], domain["reserved"], domain["cap"]) == (
        "paused",
        CAP,
        CAP,
        CAP,
    )

    single = {"from": sender.address, "to": ["x@ten.inbox"], "subject": "x", "text": "y"}
    refused = await client.post("/send", json=single)
    assert problem(refused) == (429, "daily_cap_reached", "from")
    now = datetime.fromisoformat((await ok(client.get("/_local/clock")))["now"])
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    assert int(refused.headers["retry-after"]) == pytest.approx((midnight - now).total_seconds(), abs=3)

    await advance(client, advance_to=(ends - timedelta(minutes=1)).isoformat())
    assert len(arrived(stack, "ten")) == CAP
    await advance(client, advance_to=ends.isoformat())
    await paused(client, batches)
    assert len(arrived(stack, "ten")) == 2 * CAP
    await advance(client, advance_seconds=86_410)
    for one in batches:
        assert (await checks.watch(client, one))["counts"]["sent"] == 30
    found = arrived(stack, "ten")
    assert len(found) == len(set(found)) == 300


async def test_a_fresh_domain_with_good_figures_rises_without_a_pause(stack, client):
    sender = await a_domain(client, "good.example")
    people = recipients("good", 0, 1_200)
    template = {"name": "good", "subject": "Dear {{ name }}", "text": "Hello {{ name }}\n"}
    await ok(client.post("/manage/templates", json=template))
    order = {"from": sender.address, "template": "good", "recipients": people}
    foreseen = (await ok(client.post("/batch-submit/forecast", json=order)))["assumptions"]
    assert [day["sent"] for day in foreseen["level_stays"]["days"]] == [500, 500, 200]
    assert [day["sent"] for day in foreseen["figures_good"]["days"]] == [1_200]
    picture = await client.post("/batch-submit/forecast?format=svg", json=order)
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert b"<svg" in picture.content

    batch = (await ok(client.post("/batch-submit", json=order)))["id"]
    ended = await checks.watch(client, batch)
    assert (ended["status"], ended["counts"]["sent"], ended["paused_until"]) == ("done", 1_200, None)
    history = (await ok(client.get("/manage/domains/good.example/history")))["items"][::-1]
    raised = [one for one in history if one["decision"] == "raised"]
    assert [one["level_after"] for one in raised][:2] == [2, 3]
    assert raised[0]["reason"].startswith("raised 1→2: 500 of 500 sent (100 %), outcome known 100 %")
    assert not [one for one in history if one["decision"] == "paused"]


async def test_a_level_set_by_hand_lifts_a_pause_at_once(stack, client):
    sender = await a_domain(client, "hand.example", cap=20)
    batch = await submit(client, sender, "hand", recipients("hand", 0))
    await paused(client, [batch])
    assert len(arrived(stack, "hand")) == 20
    await ok(client.patch("/manage/domains/hand.example", json={"cap": None}))
    assert (await checks.watch(client, batch))["status"] == "done"
    assert len(arrived(stack, "hand")) == 30


async def test_a_block_fails_what_is_unsent_and_tells_why(client):
    sender = await a_domain(client, "bad.example")
    people = [
        {"to": f"{'reply-550-' if n % 8 == 0 else ''}r{n}@bad.inbox", "data": {"name": "N"}}
        for n in range(600)
    ]
    batch = await submit(client, sender, "bad", people)
    ended = await checks.watch(client, batch)
    assert (ended["status"], ended["counts"]["failed"], ended["counts"]["held"]) == ("failed", 100, 0)
    assert "blocked for the rest of" in ended["reason"]
    assert "invalid 12.6 %; rule B1" in ended["reason"]
    assert (await ok(client.get("/manage/domains/bad.example")))["state"] == "blocked"
    single = {"from": sender.address, "to": ["x@bad.inbox"], "subject": "x", "text": "y"}
    assert problem(await client.post("/send", json=single)) == (429, "domain_blocked", "from")


async def test_workers_killed_while_they_release_break_no_cap_and_lose_nobody(stack, client):
    sender = await a_domain(client, "killed.example", cap=CAP)
    killer = asyncio.create_task(kill_workers(stack, 8))
    batches = [await submit_surely(client, sender, "killed", recipients("killed", n)) for n in TEN]
    await killer
    await paused(client, batches)
    assert len(arrived(stack, "killed")) <= CAP
    for _ in range(3):
        before = len(arrived(stack, "killed"))
        await advance(client, advance_seconds=86_410)
        await paused(client, batches)
        assert len(arrived(stack, "killed")) - before <= CAP
    ended = [await checks.watch(client, one) for one in batches]
    assert {one["status"] for one in ended} == {"done"}
    uncertain = sum(one["counts"]["uncertain"] for one in ended)
    assert sum(one["counts"]["sent"] for one in ended) + uncertain == 300
    found = arrived(stack, "killed")
    assert len(found) == len(set(found))
    assert 300 - uncertain <= len(found) <= 300
