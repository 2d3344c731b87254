"""What takes minutes: a worker's memory over a long batch, and a million recipients from a CSV file."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.bench import message
from infra.bench.relay import Sink, open_sink
from infra.bench.worker import Worker, open_worker
from infra.local.demo.api import Api
from infra.local.stack import Options, Stack

DOMAIN = "near.example"
RECIPIENTS, EARLY = 200_000, 20_000
MILLION, ROWS = 1_000_000, 100_000
COMMIT = 4_000_000
"""Bytes of documents in one commit; Firestore takes 10 MiB."""
PATIENCE = 900.0


@dataclass(frozen=True, slots=True)
class Long:
    """early, late: most memory held after so many recipients, in MB. imported, planned, raw: seconds."""

    early: float
    late: float
    imported: float
    planned: float
    raw: float

    @property
    def growth(self) -> float:
        return self.late / self.early

    @property
    def times_raw(self) -> float:
        return (self.imported + self.planned) / self.raw

    def told(self) -> list[str]:
        return [
            f"A worker's peak memory over a batch of {RECIPIENTS:,}: {self.early:.0f} MB after {EARLY:,}, "
            f"{self.late:.0f} MB after {RECIPIENTS:,}.",
            f"{MILLION:,} recipients from CSV: {self.imported:.0f} s to import, {self.planned:.0f} s from "
            f"`POST /batch-submit` until all are held in chunks; raw batched writes of the same documents "
            f"{self.raw:.0f} s.",
        ]


async def long_run(tell: Callable[[str], None], most: int = RECIPIENTS, million: int = MILLION) -> Long:
    """most, million: how many recipients stand for the two."""
    with open_sink() as sink:
        async with open_worker(1, {DOMAIN: sink.port}) as worker:
            early, late = await _memory(worker, sink, most, tell)
    return Long(early, late, *await _million(million, tell))


async def _memory(worker: Worker, sink: Sink, most: int, tell: Callable[[str], None]) -> tuple[float, float]:
    tell(f"a list of {most:,}")
    await worker.add_list(most)
    before = sink.count()
    sending = asyncio.create_task(worker.send(DOMAIN, most, sink, patience=PATIENCE))
    early = 0.0
    while not sending.done():
        taken = sink.count() - before
        tell(f"memory: {taken:,} of {most:,} sent")
        if not early and taken >= most * EARLY // RECIPIENTS:
            early = worker.memory("VmHWM")
        await asyncio.sleep(0.2)
    measured = await sending
    return early, measured.peak


async def _million(count: int, tell: Callable[[str], None]) -> tuple[float, float, float]:
    """Seconds to import, to plan, and to write the same documents without any of our code."""
    async with Stack(Options(discard=True)) as stack:
        info = stack.info()
        async with Api(info["url"], info["api_key"]) as api:
            await _prepare(api)
            imported = 0.0
            for number, part in enumerate(_csv(count)):
                tell(f"importing row {number * ROWS:,} of {count:,}")
                began = time.perf_counter()
                await api.post_csv("/manage/lists/million/recipients", part)
                imported += time.perf_counter() - began
            tell("planning")
            planned = await _plan(api)
        tell("raw writes of the same documents")
        raw = await _write_raw(info["firestore"], info["project"])
    return imported, planned, raw


async def _prepare(api: Api) -> None:
    """A cold domain: all but a day's worth stay held, and nothing else is done meanwhile."""
    created = await api.post("/manage/domains", {"domain": DOMAIN})
    for one in created["records"]:
        record = {"name": one["name"], "type": one["type"], "values": [one["expected"]]}
        await api.post("/_local/dns", record)
    await api.post(f"/manage/domains/{DOMAIN}/verify")
    await api.post("/manage/addresses", {"address": f"news@{DOMAIN}"})
    await api.post("/manage/lists", {"name": "million"})
    template = {"name": "million", "subject": "News for {{ first_name }}", "text": "Hello from {{ city }}."}
    await api.post("/manage/templates", template)


def _csv(count: int) -> Iterator[bytes]:
    for start in range(0, count, ROWS):
        rows = []
        for number in range(start, min(start + ROWS, count)):
            name, city = message.NAMES[number % 10], message.CITIES[number % 3]
            rows.append(f"person{number}@mail{number % 97}.example,{name},Example{number},{city},{number}\n")
        yield ("email,first_name,last_name,city,points\n" + "".join(rows)).encode()


async def _plan(api: Api) -> float:
    began = time.perf_counter()
    order = {"from": f"news@{DOMAIN}", "template": "million", "list": "million"}
    batch = (await api.post("/batch-submit", order))["id"]
    while (await api.get(f"/batch-submit/{batch}"))["status"] == "planning":
        assert time.perf_counter() - began < PATIENCE, "the batch is not planned"
        await asyncio.sleep(0.1)
    return time.perf_counter() - began


async def _write_raw(emulator: str, project: str) -> float:
    """Pages and chunks as they are stored, again, in commits as large as may be, one after the other."""
    from google.cloud import firestore

    os.environ["FIRESTORE_EMULATOR_HOST"] = emulator
    client = firestore.AsyncClient(project=project)
    spent, number = 0.0, 0
    async for documents in _commits(client):
        began = time.perf_counter()
        batch = client.batch()
        for fields in documents:
            number += 1
            batch.set(client.document(f"raw/{number}"), fields)
        await batch.commit()
        spent += time.perf_counter() - began
    return spent


async def _commits(client: Any) -> AsyncIterator[list[dict[str, Any]]]:
    kept: list[dict[str, Any]] = []
    size = 0
    for kind in ("pages", "chunks"):
        async for document in client.collection_group(kind).stream():
            fields = document.to_dict()
            kept.append(fields)
            size += len(fields["recipients"]) + 12 * len(fields.get("hashes", ()))
            if size > COMMIT:
                yield kept
                kept, size = [], 0
    if kept:
        yield kept
