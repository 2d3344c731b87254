"""`deliver` as it runs: the whole local stack, everything stored, from the request to the end of the batch.

Firestore's and Cloud Tasks' emulators run beside it on the same processors; what is given as its own processor time and
memory is that of the worker processes alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from infra.bench import message
from infra.bench.engines import CONNECTIONS
from infra.bench.relay import Sink
from infra.bench.senders.job import Measured
from infra.local.demo.api import Api, Json
from infra.local.stack import Options, Stack
from warmpost.rules.reports.signatures import SIGNATURE, TIMESTAMP, sign

TEMPLATE = "bench"
MOST_PER_REQUEST = 20_000
EVENTS_PER_REQUEST = 500
PATIENCE = 120.0
_OFF = {"track": False}  # as the others; List-Unsubscribe stays


class Worker:
    """A running stack. near, far, sample: domains whose mail goes straight, across a distance, into files."""

    def __init__(self, stack: Stack, api: Api) -> None:
        self._stack = stack
        self._api = api
        self._lists: set[int] = set()
        self.records: dict[str, str] = {}

    async def prepare(self, routes: Mapping[str, int]) -> None:
        """routes: domain to the port that its mail goes to."""
        await self._api.post("/manage/templates", {"name": TEMPLATE, **message.content()})
        for domain, port in routes.items():
            await self._add_domain(domain, port)

    async def _add_domain(self, domain: str, port: int) -> None:
        created = await self._api.post("/manage/domains", {"domain": domain})
        for one in created["records"]:
            record = {"name": one["name"], "type": one["type"], "values": [one["expected"]]}
            await self._api.post("/_local/dns", record)
            self.records[one["name"]] = one["expected"]
        await self._api.post(f"/manage/domains/{domain}/verify")
        relay = {"host": "127.0.0.1", "port": port, "security": "none", "max_connections": CONNECTIONS}
        pool = await self._api.post("/manage/pools", {"name": domain.replace(".", "-"), "relays": [relay]})
        await self._api.patch(f"/manage/domains/{domain}", {"warmup": False, "pool": pool["name"]})
        address = {"address": f"news@{domain}", "name": message.SENDER_NAME}
        await self._api.post("/manage/addresses", address)

    async def add_list(self, count: int) -> None:
        """`l<count>`, with as many recipients."""
        if count in self._lists:
            return
        self._lists.add(count)
        await self._api.post("/manage/lists", {"name": f"l{count}"})
        for start in range(0, count, MOST_PER_REQUEST):
            end = min(start + MOST_PER_REQUEST, count)
            rows = [message.recipient(number) for number in range(start, end)]
            await self._api.post(f"/manage/lists/l{count}/recipients", {"recipients": rows})

    async def send(
        self, domain: str, count: int, sink: Sink, *, attached: int = 0, patience: float = PATIENCE
    ) -> Measured:
        """One batch to a list of `count`. The sink is looked at, not the batch: that takes no time from the worker."""
        measured, _ = await self.send_batch(domain, count, sink, attached=attached, patience=patience)
        return measured

    async def send_batch(
        self, domain: str, count: int, sink: Sink, *, attached: int = 0, patience: float = PATIENCE
    ) -> tuple[Measured, str]:
        """And the batch's number."""
        await self.add_list(count)
        files = [message.attachment(attached)] if attached else []
        order = {"from": f"news@{domain}", "template": TEMPLATE, "list": f"l{count}", "attachments": files}
        arrived, before = sink.count(), await self.operations()
        used, began = self._cpu_seconds(), time.perf_counter()
        batch = (await self._api.post("/batch-submit", {**order, **_OFF}))["id"]
        until = time.monotonic() + patience
        while sink.count() < arrived + count:
            assert time.monotonic() < until, f"only {sink.count() - arrived:,} of {count:,} messages arrived"
            await asyncio.sleep(0.01)
        shown: Json = {}
        while shown.get("status") != "done":
            assert time.monotonic() < until, f"the batch does not end: {shown}"
            await asyncio.sleep(0.02)
            shown = await self._api.get(f"/batch-submit/{batch}")
        seconds, cpu = time.perf_counter() - began, self._cpu_seconds() - used
        after = await self.operations()
        assert shown["counts"]["sent"] == count, await self._unsent(batch, shown["counts"])
        await sink.has_taken(arrived + count)
        notes = {name: (after[name] - before[name]) / count * 1000 for name in ("reads", "writes")}
        return Measured(count, seconds, cpu, self.memory("VmHWM"), notes), str(batch)

    async def _unsent(self, batch: int, counts: Json) -> str:
        told = f"not all were sent: {[(status, number) for status, number in counts.items() if number]}"
        for status in ("uncertain", "deferred", "bounced", "failed"):
            if counts[status]:
                page = await self._api.get(f"/batch-submit/{batch}/recipients", status=status, limit="1")
                told += f"; {page['items'][0]}"
        return told

    async def report(self, batch: str, count: int, kind: str) -> None:
        """As a relay tells of `count` messages: delivered or opened, signed, so many events a request; and ingested."""
        for start in range(0, count, EVENTS_PER_REQUEST):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            positions = range(start, min(start + EVENTS_PER_REQUEST, count))
            await self._post_events(
                [{"type": kind, "batch": batch, "position": one, "at": at} for one in positions]
            )
        until = time.monotonic() + PATIENCE
        while await self._told(batch, kind) < count:
            assert time.monotonic() < until, f"{kind} events are not ingested"
            await asyncio.sleep(0.25)

    async def _told(self, batch: str, kind: str) -> int:
        days = (await self._api.get("/manage/statistics", batch=batch))["items"]
        return sum(day.get(kind, 0) for day in days)

    async def _post_events(self, events: list[Json]) -> None:
        info, now = self._stack.info(), int(time.time())
        body = json.dumps(events).encode()
        headers = {TIMESTAMP: str(now), SIGNATURE: sign(body, now, info["event_secret"])}
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{info['url']}/event-webhook/warmpost", data=body, headers=headers) as response,
        ):
            assert response.status == 202, await response.text()

    async def operations(self) -> dict[str, int]:
        """Firestore documents read and written since the start."""
        counted: dict[str, int] = (await self._api.get("/_local/operations"))["firestore"]
        return counted

    def pids(self) -> list[int]:
        found: list[int] = self._stack.info()["pids"]["functions"]
        return found

    def memory(self, field: str) -> float:
        """MB of all worker processes. field: VmHWM for the most they ever held, VmRSS for now (proc(5))."""
        lines = [line for pid in self.pids() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024

    def _cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def open_worker(processes: int, routes: Mapping[str, int]) -> AsyncIterator[Worker]:
    """routes: domain to the port that its mail goes to."""
    async with Stack(Options(workers=processes)) as stack:
        info = stack.info()
        async with Api(info["url"], info["api_key"]) as api:
            worker = Worker(stack, api)
            await worker.prepare(routes)
            yield worker
