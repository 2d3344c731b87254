"""What the relay and readers report of a batch meanwhile: some twice, none in order, each with an id of its own."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from infra.local.demo.relay_reports import Relay
from tests.chaos.dropping_relay import DroppingRelay
from tests.running_stack import RunningStack

Event = dict[str, Any]
PER_REQUEST = 100


@dataclass
class Reporter:
    """told: the events that were answered 2xx, by kind and recipient; each counts once however often it went out."""

    stack: RunningStack
    relay: DroppingRelay
    batch: int
    dice: random.Random
    clock: Callable[[], float]
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: int = 0
    _read: int = 0
    _waiting: list[Event] = field(default_factory=list)

    async def run(self, done: asyncio.Event) -> None:
        """Until `done`, and then what is left."""
        async with aiohttp.ClientSession() as client:
            door = Relay(client, self.stack.url, self.stack.info["event_secret"], self.clock)
            while not done.is_set() or self._read < len(self.relay.order) or self._waiting:
                self._look(keep=0 if done.is_set() else PER_REQUEST)
                if self._waiting and (done.is_set() or len(self._waiting) > 2 * PER_REQUEST):
                    self.dice.shuffle(self._waiting)
                    some, self._waiting = self._waiting[:PER_REQUEST], self._waiting[PER_REQUEST:]
                    await self._tell(door, some)
                else:
                    await asyncio.sleep(0.1)

    def _look(self, keep: int) -> None:
        news = self.relay.order[self._read :]
        self._read += len(news)
        for recipient in news:
            chance = self.dice.random()
            if chance < 0.5:
                self._note("delivered", recipient)
            elif chance < 0.505:
                self._note(
                    "bounced", recipient, reply={"code": 550, "enhanced_code": "5.1.1", "text": "unknown"}
                )
            for _ in range(self.dice.choice((0, 0, 0, 1, 2)) if chance < 0.5 else 0):
                self._note("opened", recipient, user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0)")

    def _note(self, kind: str, recipient: str, **more: Any) -> None:
        at = datetime.fromtimestamp(self.clock(), UTC).isoformat()
        name = self.dice.randbytes(8).hex()
        position = int(recipient.partition("@")[0].removeprefix("r"))
        event = {"type": kind, "at": at, "id": name, "to": recipient, "batch": str(self.batch)}
        self._waiting.append({**event, "position": position, **more})

    async def _tell(self, door: Relay, events: list[Event]) -> None:
        """Again until it is answered, as a relay does; every fifth request a second time though it was."""
        for again in range(1 + (self.dice.random() < 0.2)):
            self.dice.shuffle(events)
            while not await self._is_taken(door, events):
                await asyncio.sleep(0.2)
            if not again:
                self.told.update((event["type"], event["to"]) for event in events)

    async def _is_taken(self, door: Relay, events: list[Event]) -> bool:
        self.requests += 1
        try:
            return await door.report("warmpost", json.dumps(events).encode()) == 202
        except (aiohttp.ClientError, OSError):
            return False
