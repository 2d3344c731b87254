"""What all connections of the gateway share: bounds, credentials that were right, addresses that guess."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from infra.submission.functions_client import Credential, FunctionsClient
from infra.submission.replies import Answer


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds, bytes and counts. remembered: how long a credential that was right is not asked again.

    wrong: credentials from one address that are looked at in `wrong_within` seconds.
    """

    recipients: int = 50
    message: int = 10_000_000
    memory: int = 256_000_000
    connections: int = 1000
    connections_each: int = 20
    before_auth: float = 30.0
    idle: float = 300.0
    remembered: float = 60.0
    wrong: int = 20
    wrong_within: float = 600.0
    wrong_each: int = 3


class Ending(Protocol):
    """A connection, as far as stopping concerns it."""

    def stop(self) -> None: ...


@dataclass
class Gateway:
    """time: seconds of any clock that does not jump."""

    client: FunctionsClient
    time: Callable[[], float]
    bounds: Bounds = Bounds()
    hostname: str = "localhost"
    stopping: bool = False
    memory: int = 0
    emptied: asyncio.Event = field(default_factory=asyncio.Event)
    open: set[Ending] = field(default_factory=set)
    by_address: Counter[str] = field(default_factory=Counter)
    _right: OrderedDict[bytes, float] = field(default_factory=OrderedDict)
    _wrong: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def enter(self, connection: Ending, address: str) -> bool:
        """Whether there is room for one more."""
        bounds = self.bounds
        if len(self.open) >= bounds.connections or self.by_address[address] >= bounds.connections_each:
            return False
        self.open.add(connection)
        self.by_address[address] += 1
        return True

    def leave(self, connection: Ending, address: str) -> None:
        if connection in self.open:
            self.open.discard(connection)
            self.by_address[address] -= 1
            if not self.by_address[address]:
                del self.by_address[address]
        if self.stopping and not self.open:
            self.emptied.set()

    def stop(self) -> None:
        """Whoever is not handing over a message is told to come again; the others finish."""
        self.stopping = True
        if not self.open:
            self.emptied.set()
        for connection in tuple(self.open):
            connection.stop()

    def is_guessing(self, address: str) -> bool:
        since = self.time() - self.bounds.wrong_within
        times = [one for one in self._wrong.get(address, ()) if one > since]
        return len(times) >= self.bounds.wrong

    async def check(self, credential: Credential, address: str) -> Answer:
        """Asked once, and remembered for a short time where it is right; wrong ones count for their address alone."""
        now = self.time()
        if self._right.get(credential.digest, 0.0) > now:
            return Answer(200)
        answer = await self.client.check(credential, address)
        if answer.status == 200:
            self._right[credential.digest] = now + self.bounds.remembered
            if len(self._right) > 10_000:
                self._right.popitem(last=False)
        elif answer.status in (401, 403):
            since = now - self.bounds.wrong_within
            self._wrong[address] = [*(one for one in self._wrong.pop(address, ()) if one > since), now]
            if len(self._wrong) > 10_000:
                self._wrong.popitem(last=False)
        return answer

    def forget(self, credential: Credential) -> None:
        """It was revoked meanwhile."""
        self._right.pop(credential.digest, None)
