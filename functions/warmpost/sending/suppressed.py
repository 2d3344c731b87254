"""Which addresses must not be mailed, asked for hundreds at once and answered from memory.

The set is kept up to date by the serial that every change carries: one query per chunk returns only what is new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

from warmpost.rules.chunks import address_hash
from warmpost.rules.documents import Suppression
from warmpost.sending.ports import Store

PAGE = 1000
OVERLAP = 10
"""Serials are drawn just before they are written, so a lower one may appear a little later."""


class Suppressed:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[int, str], Suppression] = {}
        self._serial = 0
        self._reading = asyncio.Lock()

    async def among(
        self, addresses: Iterable[str], domain: str, now: datetime, transactional: bool = False
    ) -> dict[str, str]:
        """The suppressed ones with their reason; never older than the call.

        domain: of the sender, whose own suppressions hold beside the deployment's. transactional: a message to one person
        may pass an unsubscription, but never a bounce or a complaint.
        """
        async with self._reading:
            await self._catch_up()
        found: dict[str, str] = {}
        for address in addresses:
            number = address_hash(address)
            for scope in ("", domain):
                one = self._known.get((number, scope))
                if one and _holds(one, now) and not (transactional and one.reason == "unsubscribe"):
                    found[address] = one.reason
        return found

    async def _catch_up(self) -> None:
        since = max(self._serial - OVERLAP, 0)
        while True:
            news = await self._store.find(
                Suppression, "suppressions", ("serial", ">", since), order_by="serial", limit=PAGE
            )
            for one in news:
                since = self._serial = max(self._serial, one.value.serial)
                if one.value.lifted:
                    self._known.pop((one.value.hash, one.value.scope), None)
                else:
                    self._known[one.value.hash, one.value.scope] = one.value
            if len(news) < PAGE:
                return


def _holds(suppression: Suppression, now: datetime) -> bool:
    return suppression.expires_at is None or suppression.expires_at > now
