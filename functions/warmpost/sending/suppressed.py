"""Which addresses must not be mailed, asked for hundreds at once and answered from memory.

The set is kept up to date by the serial that every change carries: one query per chunk returns only what is new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from warmpost.rules.chunks import address_hash
from warmpost.rules.documents import Suppression
from warmpost.sending.ports import Store

PAGE = 1000


class Suppressed:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._reasons: dict[int, str] = {}
        self._serial = 0
        self._reading = asyncio.Lock()

    async def among(self, addresses: Iterable[str]) -> dict[str, str]:
        """The suppressed ones with their reason; never older than the call."""
        async with self._reading:
            await self._catch_up()
        hashes = {address: address_hash(address) for address in addresses}
        return {one: self._reasons[number] for one, number in hashes.items() if number in self._reasons}

    async def _catch_up(self) -> None:
        while True:
            news = await self._store.find(
                Suppression, "suppressions", ("serial", ">", self._serial), order_by="serial", limit=PAGE
            )
            for one in news:
                self._serial = one.value.serial
                if one.value.lifted:
                    self._reasons.pop(one.value.hash, None)
                else:
                    self._reasons[one.value.hash] = one.value.reason
            if len(news) < PAGE:
                return
