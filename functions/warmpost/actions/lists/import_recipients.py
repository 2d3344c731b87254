"""Adding recipients to a list: all good rows of a request or none, however large the file and whoever else tries.

New pages are written behind the ones that count, several to a commit; only the last commit, which also fills up the
page that was not full, moves the list's head so that they count. Every commit names the head's version and renews
its lease: an import that was overtaken can write nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.lists.change_recipients import by_hash, update_page
from warmpost.actions.lists.manage_lists import page_path, require_free
from warmpost.actions.storage.names import find_list
from warmpost.errors import Conflict, Moved, TooLarge, Unavailable
from warmpost.rules.delivery.chunks import MOST_RECIPIENTS, Chunk, pack_all, unpack
from warmpost.rules.lists.csv_import import Rejected, Row, Rows, rejected
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Put, Stored, Update, Write

LEASE = timedelta(seconds=60)
"""Renewed with every commit: how long a list stays closed after an import that died."""
MOST_ROWS = 100_000
COMMIT_BYTES = 2_000_000
"""Of pages, estimated; with one page more it stays below what the emulator takes (4 MiB)."""
COMMIT_PAGES = 20
SLICE = 100
DUPLICATE = "duplicate"


@dataclass(slots=True)
class Imported:
    """count: recipients on the list afterwards. rejected: duplicates among them. renamed: see `columns.Columns`."""

    added: int = 0
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    count: int = 0
    updated: int = 0
    renamed: Mapping[str, str] = field(default_factory=dict)


async def import_recipients(
    services: Services, reference: int | str, rows: Rows, update: bool = False
) -> Imported:
    """update: rows of people who are on the list already change their variables, instead of being duplicates.

    Raises NotFound, TooLarge, Moved, Unavailable, or Conflict `list_is_busy`.
    """
    leased = await _lease(services, await find_list(services.store, reference))
    run = _Import(services, leased, rows, update)
    try:
        return await run.carry_out()
    except Exception:
        await run.give_up()
        raise


async def _lease(services: Services, stored: Stored[RecipientList]) -> Stored[RecipientList]:
    now = services.clock.now()
    require_free(stored.value, now)
    try:
        versions = await services.store.commit(
            Update(stored.path, {"busy_until": now + LEASE}, stored.version)
        )
    except Moved:
        require_free((await find_list(services.store, stored.id)).value, now)
        raise
    return Stored(stored.path, stored.value, versions[0])


class _Import:
    def __init__(
        self, services: Services, leased: Stored[RecipientList], rows: Rows, update: bool = False
    ) -> None:
        self._services = services
        self._update = update
        self._list = leased.value
        self._path = leased.path
        self._version: Any = leased.version
        self._rows = rows
        self._done = Imported(count=leased.value.count, renamed=rows.renamed)
        self._variables: dict[str, None] | None = None
        if leased.value.count:
            self._variables = dict.fromkeys(leased.value.variables)
        self._last_names: Any = None
        self._listed: frozenset[int] = frozenset()
        self._rows_by_hash: dict[int, Row] = {}

    async def carry_out(self) -> Imported:
        seen = await self._already_listed()
        self._listed = frozenset(seen) if self._update else frozenset()
        last = await self._last_page()
        number, first, carried = self._list.pages, 0, list[Recipient]()
        held: list[Write] = []
        if last is not None:
            first = last.end
            if last.count < MOST_RECIPIENTS:
                number, first, carried = number - 1, last.first, unpack(last)
        waiting: list[Write] = []
        size = 0
        for chunk in pack_all(chain(carried, self._fresh(seen)), first):
            write = Put(page_path(self._path, number), chunk)
            number += 1
            if number == self._list.pages:
                held.append(write)  # the page that counts already
            else:
                waiting.append(write)
                size += len(chunk.recipients) + 12 * chunk.count
            if size > COMMIT_BYTES or len(waiting) == COMMIT_PAGES:
                await self._write(waiting)
                waiting, size = [], 0
            await asyncio.sleep(0)  # others may run while a large file is read
        await self._finish(number, held + waiting)
        return self._done

    def _fresh(self, seen: set[int]) -> Iterator[Recipient]:
        """The good rows that are not on the list yet; all others are counted and noted on the way."""
        done = self._done
        for number, row in enumerate(self._rows):
            if number >= MOST_ROWS:
                raise TooLarge(
                    "too_many_recipients", f"One request may hold {MOST_ROWS:,} recipients at most."
                )
            if isinstance(row, Rejected):
                done.rejected.append(row)
                continue
            fingerprint = address_hash(row.recipient.address)
            if fingerprint in self._listed:
                self._listed -= {fingerprint}
                done.updated += 1
                continue
            if fingerprint in seen:
                done.duplicates += 1
                done.rejected.append(rejected(row.line, row.recipient.address, DUPLICATE))
                continue
            seen.add(fingerprint)
            done.added += 1
            self._note_variables(row)
            yield row.recipient

    def _note_variables(self, row: Row) -> None:
        names = row.recipient.data.keys()
        if self._variables is None:
            self._variables = dict.fromkeys(names)
        elif names != self._last_names:
            self._variables = {name: None for name in self._variables if name in names}
        self._last_names = names

    async def _already_listed(self) -> set[int]:
        """Which of the rows are on the list: all of it is read, but only what the rows name is kept."""
        found: set[int] = set()
        if not self._list.count:
            return found
        asked: set[int] = set()
        for number, row in enumerate(self._rows):
            if isinstance(row, Row):
                asked.add(address_hash(row.recipient.address))
            if number % MOST_RECIPIENTS == 0:
                await asyncio.sleep(0)
            if number >= MOST_ROWS:
                break
        after: str | None = None
        while pages := await self._services.store.fields(
            f"{self._path}/pages", select=["hashes"], after=after, limit=SLICE
        ):
            for name, fields in pages:
                if int(name) < self._list.pages and (there := asked.intersection(fields["hashes"])):
                    found |= there
                    await self._change(int(name))
            after = pages[-1][0]
        return found

    async def _change(self, page: int) -> None:
        """Lays the rows' variables over those of a page, each page in a commit of its own: repeating it is harmless."""
        if not self._update:
            return
        self._rows_by_hash = self._rows_by_hash or by_hash(self._rows)
        change = await update_page(self._services, page_path(self._path, page), self._rows_by_hash)
        if change is not None:
            await self._write([change])

    async def _last_page(self) -> Chunk | None:
        if not self._list.pages:
            return None
        found = await self._services.store.get(Chunk, page_path(self._path, self._list.pages - 1))
        return found.value if found else None

    async def _write(self, pages: list[Write]) -> None:
        """Pages that do not count yet, or whose change stands alone; it renews the lease."""
        until = self._services.clock.now() + LEASE
        head = Update(self._path, {"busy_until": until}, self._version)
        self._version = (await self._services.store.commit(head, *pages))[0]

    async def _finish(self, pages: int, last: list[Write]) -> None:
        changes: dict[str, object] = {"busy_until": None}
        if self._done.added:
            self._done.count += self._done.added
            names = tuple(self._variables or ())
            changes |= {"count": self._done.count, "pages": pages, "variables": names}
        else:
            last = []
        await self._services.store.commit(Update(self._path, changes, self._version), *last)

    async def give_up(self) -> None:
        """Opens the list again at once; where that fails the lease runs out."""
        try:
            await self._services.store.commit(Update(self._path, {"busy_until": None}, self._version))
        except (Moved, Conflict, Unavailable):
            return
