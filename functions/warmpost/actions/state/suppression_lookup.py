"""Which addresses must not be mailed, asked for hundreds at once and answered from memory.

The set is kept up to date by the moment that every change is stamped with: one query per chunk returns what is new. A
process begins with a packed copy of all of them, which is written anew when much has changed since.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from warmpost.actions.ports import Store
from warmpost.actions.state.suppression_snapshot import Snapshot, keep_snapshot, load_snapshot
from warmpost.rules.model.addresses import ERASED
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.suppressions.snapshot_pages import Entry

PAGE = 20_000
"""Far more than can carry the same moment, which has milliseconds."""
FIELDS = ("hash", "scope", "reason", "expires_at", "lifted", "changed_at")
UNSETTLED = 15.0
"""Seconds: a change is stamped when its commit begins, so one stamped earlier may become visible later by so much."""

MUCH = 2000
"""Changes since the packed copy was written: reading them one by one costs as much as some hundred copies."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Suppressed:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, dict[int, Entry]] = {}
        self._entries: dict[Entry, Entry] = {}
        self._snapshot: Snapshot | None = None
        self._settled = LONG_AGO
        self._newest: deque[tuple[float, datetime, int]] = deque()
        self._seen = LONG_AGO
        self._changes = 0  # since the process began, as far as they are read
        self._saved = 0  # how many of them the snapshot covers
        self._reading = asyncio.Lock()

    async def among(
        self, addresses: Iterable[str], domain: str, now: datetime, transactional: bool = False
    ) -> dict[str, str]:
        """The suppressed ones with their reason; never older than the call.

        domain: of the sender, whose own suppressions hold beside the deployment's. transactional: a message to one person
        may pass an unsubscription, but never a bounce or a complaint. Nobody is behind ERASED.
        """
        await self.catch_up()
        found: dict[str, str] = {}
        for address in addresses:
            if address == ERASED:
                found[address] = "erased"
                continue
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
            if self._snapshot is None:
                snapshot = await load_snapshot(self._store, self._known)
                self._settled = self._seen = snapshot.upto or LONG_AGO
                self._snapshot = snapshot
            newest, count = await self._read(">", self._settled)
            while count == PAGE:
                newest, count = await self._read(">=", newest)
            await self._settle(newest)

    async def _settle(self, newest: datetime) -> None:
        """A change that was seen proves how far the store's clock had come: all stamped well before it must show by now."""
        now = asyncio.get_running_loop().time()
        self._newest.append((now, newest, self._changes))
        self._seen, covered = newest, 0
        while self._newest and self._newest[0][0] <= now - UNSETTLED:
            _, settled, covered = self._newest.popleft()
            self._settled = max(self._settled, settled)
        self._settled = max(self._settled, newest - timedelta(seconds=UNSETTLED))
        if self._snapshot is not None and covered - self._saved >= MUCH:
            self._saved = covered
            self._snapshot = await keep_snapshot(self._store, self._snapshot, self._known, self._settled)

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
            entry = Entry(one["reason"], one.get("expires_at"), one["lifted"])
            shared = self._entries.setdefault(entry, entry)
            self._known.setdefault(one.get("scope", ""), {})[one["hash"]] = shared
            self._changes += one["changed_at"] > self._seen
        return news[-1][1]["changed_at"] if news else since, len(news)
