"""Which addresses must not be mailed, asked for hundreds at once and answered from memory.

The set is kept up to date by the moment that every change is stamped with: one query per chunk returns what is new.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from warmpost.rules.chunks import address_hash
from warmpost.sending.ports import Store

PAGE = 4000
"""Far more than can carry the same moment, which has milliseconds."""
FIELDS = ("hash", "scope", "reason", "expires_at", "lifted", "changed_at")
UNSETTLED = 15.0
"""Seconds: a change is stamped when its commit begins, so one stamped earlier may become visible later by so much."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a worker needs to know; thousands of addresses share one."""

    reason: str
    expires_at: datetime | None
    lifted: bool

    def holds(self, now: datetime) -> bool:
        return not self.lifted and (self.expires_at is None or self.expires_at > now)


class Suppressed:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, dict[int, Entry]] = {}
        self._entries: dict[Entry, Entry] = {}
        self._settled = LONG_AGO
        self._newest: deque[tuple[float, datetime]] = deque()
        self._reading = asyncio.Lock()

    async def among(
        self, addresses: Iterable[str], domain: str, now: datetime, transactional: bool = False
    ) -> dict[str, str]:
        """The suppressed ones with their reason; never older than the call.

        domain: of the sender, whose own suppressions hold beside the deployment's. transactional: a message to one person
        may pass an unsubscription, but never a bounce or a complaint.
        """
        await self.catch_up()
        found: dict[str, str] = {}
        for address in addresses:
            number = address_hash(address)
            for one in (self.entry(number, domain), self.entry(number, "")):
                if one and one.holds(now) and not (transactional and one.reason == "unsubscribe"):
                    found[address] = one.reason
        return found

    def entry(self, number: int, scope: str) -> Entry | None:
        """As of the last catching up, by `address_hash`; also what is lifted or has expired."""
        return self._known.get(scope, {}).get(number)

    async def catch_up(self) -> None:
        """Reads what is new, and again what was new until everything stamped before it must have turned up."""
        async with self._reading:
            now = asyncio.get_running_loop().time()
            newest, count = await self._read(">", self._settled)
            while count == PAGE:
                newest, count = await self._read(">=", newest)
            self._newest.append((now, newest))
            while self._newest and self._newest[0][0] <= now - UNSETTLED:
                self._settled = self._newest.popleft()[1]

    async def _read(self, comparison: Literal[">", ">="], since: datetime) -> tuple[datetime, int]:
        """The last moment among what was found, and how much that was."""
        news = await self._store.fields(
            "suppressions",
            ("changed_at", comparison, since),
            select=FIELDS,
            order_by="changed_at",
            limit=PAGE,
        )
        for _, one in news:
            entry = Entry(one["reason"], one["expires_at"], one["lifted"])
            shared = self._entries.setdefault(entry, entry)
            self._known.setdefault(one["scope"], {})[one["hash"]] = shared
        return news[-1][1]["changed_at"] if news else since, len(news)
