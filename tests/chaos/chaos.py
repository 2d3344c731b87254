"""A batch sent while everything around it is killed, and what must hold of it afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from infra.local.clock import MovableClock
from tests.chaos.dropping_relay import DroppingRelay, dropping_relay
from tests.chaos.killing import Killer
from tests.chaos.reporting import Reporter
from tests.e2e import checks
from tests.e2e.checks import Json, ok
from tests.receiver import Receiver, receiving
from tests.running_stack import RunningStack

DOMAIN = "chaos.example"
TAKEN = {"sent", "uncertain", "delivered", "bounced"}
PATIENCE = 1800.0
QUIET, LATER = 3.0, 3600
"""Seconds without news until the clock is moved on, and by how many: events about recipients who were still on their way
are looked at again after a while, and a notification whose worker was killed when its lease is over.
"""

SETTINGS = {
    "WARMPOST_LEASE_SECONDS": "2",
    "WARMPOST_RETRY_SECONDS": "1,2,4",
}


@dataclass(frozen=True)
class Plan:
    """drop_rate: at each step of SMTP. days: over which the cap spreads the batch."""

    recipients: int
    kills: int
    seed: int
    drop_rate: float = 0.003
    workers: int = 3
    claim_batch: int = 20
    days: int = 2

    @property
    def cap(self) -> int:
        return -(-self.recipients // self.days)


@dataclass
class Course:
    """What came of it. volumes: recipients the relay took, by day. seconds: without setting up."""

    plan: Plan
    batch: Json
    statuses: dict[str, str]
    figures: Json
    opened_by: int
    killer: Killer
    reporter: Reporter
    relay: DroppingRelay
    receiver: Receiver
    volumes: list[int]
    reserved: list[int]
    seconds: float = 0.0

    def table(self) -> str:
        states, drops, kills = Counter(self.statuses.values()), self.relay.drops, self.killer.kills
        rows = [
            ("recipients", f"{len(self.statuses):,}", _listed(states.items())),
            ("kills", f"{kills.total()}", _listed(kills.items())),
            ("connections dropped", f"{drops.total()}", _listed(drops.items())),
            ("events", f"{self.reporter.told.total():,}", f"in {self.reporter.requests} requests"),
            (
                "notifications",
                f"{len(self.receiver.received)}",
                f"of {len(self.told_ids())} different events",
            ),
            ("volume by day", _listed(enumerate(self.volumes, 1)), f"cap {self.plan.cap:,}"),
            ("duplicates", f"{self.duplicates()}", ""),
            ("lost", f"{self.plan.recipients - len(self.statuses)}", ""),
            ("seconds", f"{self.seconds:.0f}", f"seed {self.plan.seed}"),
        ]
        return "\n".join(f"| {name} | {figure} | {words} |" for name, figure, words in rows)

    def duplicates(self) -> int:
        return sum(times - 1 for times in self.relay.taken.values())

    def told_ids(self) -> set[str]:
        return {event["id"] for event in self.receiver.events}


def _listed(pairs: Iterable[tuple[object, int]]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(pairs, key=lambda one: str(one[0])))


@dataclass
class Days:
    """The days of a domain's warm-up, moved on once nothing is on its way."""

    client: httpx.AsyncClient
    relay: DroppingRelay
    killer: Killer
    volumes: list[int] = field(default_factory=list)
    reserved: list[int] = field(default_factory=list)

    async def pass_until_done(self, batch: int) -> Json:
        def rests(shown: Json) -> bool:
            waits = sum(shown["counts"][name] for name in ("queued", "sending", "deferred"))
            return shown["status"] in checks.ENDED or bool(shown["paused_until"] and not waits)

        while True:
            shown = await checks.watch(self.client, batch, until=rests, within=PATIENCE)
            taken = len({recipient for recipient, _ in self.relay.taken})
            self.volumes.append(taken - sum(self.volumes))
            self.reserved.append(shown["warmup"]["used_today"])
            if shown["status"] in checks.ENDED:
                return shown
            async with self.killer.hold:
                await move_clock(self.client, advance_to=shown["paused_until"])


async def move_clock(client: httpx.AsyncClient, **where: object) -> None:
    """Again while what moves the clock starts anew."""
    for _ in range(100):
        try:
            answer = await client.post("/_local/clock", json=where)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.is_success:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"the clock does not move: {answer and answer.text}")


async def run(plan: Plan) -> Course:
    dice = random.Random(plan.seed)
    async with dropping_relay(dice, plan.drop_rate) as relay, receiving() as receiver:
        relay_url = f"smtp://127.0.0.1:{relay.port}?starttls=never&reports=events"
        arguments = ("--workers", str(plan.workers), "--duplicate-rate", "0.1", "--relay", relay_url)
        environment = {**SETTINGS, "WARMPOST_CLAIM_BATCH": str(plan.claim_batch)}
        with RunningStack(*arguments, environment=environment) as stack:
            async with stack.open_client(timeout=600) as client:
                return await _run(plan, stack, client, relay, receiver, dice)


async def _run(
    plan: Plan,
    stack: RunningStack,
    client: httpx.AsyncClient,
    relay: DroppingRelay,
    receiver: Receiver,
    dice: random.Random,
) -> Course:
    clock = MovableClock(Path(stack.info["data"]) / "clock")
    batch = await _submit(plan, client, clock, receiver)

    began = time.monotonic()
    killer = Killer(stack, relay, batch, dice)
    reporter = Reporter(stack, relay, batch, dice, clock.timestamp)
    days = Days(client, relay, killer)
    sent, done = asyncio.Event(), asyncio.Event()

    def progress() -> float:
        """The kills that are left when the batch is done meet its events."""
        return 1.0 if sent.is_set() else len(relay.taken) / plan.recipients

    async with asyncio.TaskGroup() as group:
        group.create_task(reporter.run(done))
        killing = group.create_task(killer.run(plan.kills, progress))
        shown = await days.pass_until_done(batch)
        sent.set()
        await killing
        done.set()
    await until_heard(client, reporter, receiver)
    seconds = time.monotonic() - began
    shown = await checks.look(client, batch)
    statistics = await checks.read(
        client, "/manage/statistics", batch=str(batch), by="batch", **period(clock)
    )
    listed = await lines(client, batch)
    return Course(
        plan,
        shown,
        {to: line["status"] for to, line in listed.items()},
        statistics["items"][0] if statistics["items"] else {},
        sum(line["opened"] for line in listed.values()),
        killer,
        reporter,
        relay,
        receiver,
        days.volumes,
        days.reserved,
        seconds,
    )


async def _submit(plan: Plan, client: httpx.AsyncClient, clock: MovableClock, receiver: Receiver) -> int:
    """The batch's number. Its day is far from midnight, which would make two of one."""
    noon = (clock.now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    await move_clock(client, advance_to=noon.isoformat())
    await ok(client.post("/manage/webhooks", json={"url": receiver.url, "batch_size": 50}))
    sender = await checks.make_sender(client, DOMAIN, warmup=True)
    await ok(client.patch(f"/manage/domains/{DOMAIN}", json={"cap": plan.cap}))
    number: int = (await checks.submit_to(client, sender, "chaos", plan.recipients))["id"]
    return number


def period(clock: MovableClock) -> dict[str, str]:
    today = clock.now().date()
    return {"from": (today - timedelta(days=10)).isoformat(), "to": today.isoformat()}


async def until_heard(client: httpx.AsyncClient, reporter: Reporter, receiver: Receiver) -> None:
    """Until every event is applied and told; what waits longer than anybody would watch has the clock moved."""
    heard, since = -1, time.monotonic()
    while heard_of(receiver) != reporter.told:
        assert time.monotonic() < since + checks.PATIENCE, (
            f"{heard} of {reporter.told.total()} events are told"
        )
        await asyncio.sleep(0.1)
        if heard != len(receiver.received):
            heard, since = len(receiver.received), time.monotonic()
        elif time.monotonic() > since + QUIET:
            await move_clock(client, advance_seconds=LATER)


def heard_of(receiver: Receiver) -> Counter[tuple[str, str]]:
    """Different events by kind and recipient, as they are reported; what the worker tells of itself is left out."""
    known = {(one["type"], one["to"], one["id"]) for one in receiver.events}
    return Counter((kind, to) for kind, to, _ in known if kind in ("delivered", "bounced", "opened"))


async def lines(client: httpx.AsyncClient, batch: int) -> dict[str, Json]:
    found: dict[str, Json] = {}
    cursor = ""
    while True:
        query = {"limit": "1000", **({"cursor": cursor} if cursor else {})}
        page = await checks.read(client, f"/batch-submit/{batch}/recipients", **query)
        for line in page["items"]:
            assert line["to"] not in found, f"{line['to']} is listed twice"
            found[line["to"]] = line
        cursor = page["next_cursor"]
        if not cursor:
            return found
