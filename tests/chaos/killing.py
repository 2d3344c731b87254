"""Kills parts of a running stack at random, and notes whom every kill caught in flight."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.dropping_relay import DroppingRelay
from tests.running_stack import RunningStack
from warmpost.rules.delivery.statuses import MARKS, Status

VICTIMS = {"one worker": 75, "the queue": 10, "the relay": 10, "all workers": 3, "workers and queue": 2}
SHORTEST_GAP = 0.2  # seconds


@dataclass
class Killer:
    """in_flight: recipients' positions that were claimed at a kill. hold: nobody is killed while it is held."""

    stack: RunningStack
    relay: DroppingRelay
    batch: int
    dice: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    in_flight: set[int] = field(default_factory=set)
    hold: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, count: int, progress: Callable[[], float]) -> None:
        """So many kills, spread evenly. progress: how much of the batch is done, 0 to 1."""
        for number in range(count):
            while progress() < (number + 0.5) / (count + 1):
                await asyncio.sleep(0.02)
            async with self.hold:
                await self.kill()
            await asyncio.sleep(SHORTEST_GAP)

    async def kill(self) -> None:
        victim = self.dice.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        pids = json.loads((Path(self.stack.info["data"]) / "stack.json").read_text())["pids"]
        workers = pids["functions"]
        if victim == "the relay":
            self.relay.break_off()
        elif victim == "the queue":
            self._end(pids["tasks"])
        elif victim == "one worker":
            self._end([self.dice.choice(workers)] if workers else [])
        else:
            self._end(workers + (pids["tasks"] if victim == "workers and queue" else []))
        self.kills[victim] += 1
        self.in_flight |= await claimed(self.stack, self.batch)

    def _end(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def claimed(stack: RunningStack, batch: int) -> set[int]:
    """Positions in the batch that a worker, alive or not, has claimed and not recorded: read past the functions."""
    base = (
        f"http://{stack.info['firestore']}/v1/projects/{stack.info['project']}/databases/(default)/documents"
    )
    condition = {
        "field": {"fieldPath": "counts.sending"},
        "op": "GREATER_THAN",
        "value": {"integerValue": "0"},
    }
    query = {"from": [{"collectionId": "progress"}], "where": {"fieldFilter": condition}}
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.post(f"{base}/batches/{batch}:runQuery", json={"structuredQuery": query})
        rows: list[dict[str, Any]] = answer.raise_for_status().json()
        found: set[int] = set()
        for row in rows:
            if "document" in row:
                chunk = int(row["document"]["name"].rpartition("/")[2])
                marks = row["document"]["fields"]["results"]["stringValue"]
                sending = MARKS[Status.SENDING]
                found |= {500 * chunk + place for place, mark in enumerate(marks) if mark == sending}
        return found
