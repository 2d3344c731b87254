"""A worker killed at every boundary of every write of every verb, one after the other; every batch ends well."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from infra.local.clock import MovableClock
from infra.local.faults import OPERATIONS, VARIABLE
from tests.chaos.chaos import until_heard
from tests.chaos.dropping_relay import dropping_relay
from tests.chaos.reporting import Reporter
from tests.e2e import checks
from tests.e2e.checks import ok
from tests.receiver import receiving
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.rules.delivery.chunks import Chunk, pack, unpack
from warmpost.rules.model.writes import Put, Update

VERBS = ("plan", "release", "deliver", "ingest", "notify")
SETTINGS = {"WARMPOST_LEASE_SECONDS": "1", "WARMPOST_CLAIM_BATCH": "2", "WARMPOST_RETRY_SECONDS": "1"}
PEOPLE = 7
PAGES = 21
"""More than are planned while a batch is submitted."""


class Bench:
    """One stack on which batches are sent, each with at most one kill."""

    def __init__(self, stack, client, relay, receiver, faults):
        self.stack = stack
        self.client = client
        self.relay = relay
        self.receiver = receiver
        self.faults = faults
        self.numbers = itertools.count(1)

    async def open(self):
        self.sender = await checks.make_sender(self.client, "points.example")
        await ok(self.client.post("/manage/webhooks", json={"url": self.receiver.url, "batch_size": 2}))
        await ok(self.client.post("/manage/templates", json={"name": "t", "subject": "s", "text": "t"}))
        return self

    async def many_pages(self, monkeypatch):
        """A list of a recipient a page, as no import leaves it."""
        made = await checks.make_list(self.client, "pages", checks.csv_of(PAGES, "pages.example"))
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", self.stack.info["firestore"])
        store = FirestoreStore(self.stack.info["project"])
        path = f"lists/{made}"
        (whole,) = await store.find(Chunk, f"{path}/pages")
        pages = [pack(number, [one]) for number, one in enumerate(unpack(whole.value))]
        puts = [Put(f"{path}/pages/{number:06d}", page) for number, page in enumerate(pages)]
        await store.commit(*puts, Update(path, {"pages": len(pages)}))
        return made

    async def run(self, point, **to):
        """A batch, the events of everybody in it, and all that is told of them; with a kill at a point, once."""
        self.relay.taken.clear()
        self.relay.order.clear()
        self.receiver.received.clear()
        self.faults.write_text(point)
        number = next(self.numbers)
        people = [{"to": f"r{n}@b{number}.example"} for n in range(PEOPLE)]
        order = {
            "from": self.sender.address,
            "template": "t",
            "name": point,
            **(to or {"recipients": people}),
        }
        batch = await self._submit(order)
        shown = await checks.watch(self.client, batch)
        await self._report(batch)
        return shown, await checks.statuses(self.client, batch)

    async def _report(self, batch):
        clock = MovableClock(Path(self.stack.info["data"]) / "clock")
        reporter = Reporter(self.stack, self.relay, batch, random.Random(1), clock.timestamp)
        done = asyncio.Event()
        done.set()
        await reporter.run(done)
        await until_heard(self.client, reporter, self.receiver)
        clock.close()

    async def _submit(self, order):
        """Once, though the worker that is asked may be killed."""
        key = {"Idempotency-Key": order["name"]}
        while True:
            try:
                return (await ok(self.client.post("/batch-submit", json=order, headers=key)))["id"]
            except httpx.TransportError:
                await asyncio.sleep(0.05)

    def assert_ended_well(self, point, shown, listed):
        assert shown["status"] == "done", point
        taken = Counter(to for to, _ in self.relay.taken.elements())
        assert set(taken.values()) <= {1}, f"{point}: somebody twice"
        assert len(listed) == shown["recipients"], point
        assert set(listed.values()) <= {"sent", "uncertain", "delivered", "bounced"}, point
        assert {to for to, status in listed.items() if status == "sent"} <= set(taken), point
        unsure = [to for to, status in listed.items() if status == "uncertain"]
        assert len(unsure) <= 2, f"{point}: more than a claim batch in doubt"
        assert not unsure or point.startswith("deliver "), f"{point}: {unsure}"


@asynccontextmanager
async def bench(start_stack, folder):
    faults = folder / "faults"
    async with dropping_relay(random.Random(1), 0.0) as relay, receiving() as receiver:
        url = f"smtp://127.0.0.1:{relay.port}?starttls=never&reports=events"
        stack = start_stack("--relay", url, environment={**SETTINGS, VARIABLE: str(faults)})
        async with stack.open_client(timeout=120) as client:
            yield await Bench(stack, client, relay, receiver, faults).open()


async def enumerated(bench, *verbs, **to):
    """Every point of these verbs that a batch passes where nothing goes wrong, in order; what two of them have in common."""
    passed = bench.faults.with_name("faults.passed")
    runs = []
    for _ in range(2):
        passed.unlink(missing_ok=True)
        shown, listed = await bench.run(f"record {next(bench.numbers)}", **to)
        bench.assert_ended_well("record", shown, listed)
        runs.append(dict.fromkeys(passed.read_text().splitlines()))
    return [point for point in runs[0] if point in runs[1] and point.split()[0] in verbs]


async def kill_at(bench, points, **to):
    """Few are not come to: how often a write is repeated depends on who else writes."""
    missed = []
    for point in points:
        shown, listed = await bench.run(point, **to)
        bench.assert_ended_well(point, shown, listed)
        missed += [point] if bench.faults.exists() else []
    print(f"\n{len(points)} points, not come to: {missed}")
    assert len(missed) <= len(points) / 4


@pytest.mark.slow
async def test_worker_killed_at_a_point_of_each_verb_leaves_nothing_undone(start_stack, tmp_path):
    async with bench(start_stack, tmp_path) as table:
        points = ["release enqueue 1 before", "deliver commit 2 after", "ingest commit 1 after"]
        await kill_at(table, points)


@pytest.mark.chaos
async def test_worker_killed_at_every_point_of_release_deliver_fold_and_notify(start_stack, tmp_path):
    async with bench(start_stack, tmp_path) as table:
        points = await enumerated(table, *VERBS[1:])
        assert {point.split()[0] for point in points} == set(VERBS[1:])
        assert {point.split()[1] for point in points} == set(OPERATIONS.values())
        await kill_at(table, points)


@pytest.mark.chaos
async def test_worker_killed_at_every_point_of_a_plan(start_stack, tmp_path, monkeypatch):
    async with bench(start_stack, tmp_path) as table:
        pages = await table.many_pages(monkeypatch)
        points = await enumerated(table, "plan", list=pages)
        assert points
        await kill_at(table, points, list=pages)
