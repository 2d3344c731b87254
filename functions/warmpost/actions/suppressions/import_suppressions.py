"""Suppressions from a file: tens of thousands in one request, in commits as large as they may be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from warmpost.actions.context import Services
from warmpost.actions.suppressions.manage_suppressions import (
    decide_now,
    read_many,
    suppress_address,
    suppression_path,
    written,
)
from warmpost.errors import Moved, TooLarge
from warmpost.rules.lists.csv_import import Rejected, Row, Rows
from warmpost.rules.model.writes import Write
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.suppressions.precedence import holds, read_suppression
from warmpost.rules.suppressions.snapshot_pages import Entry

MOST_ROWS = 100_000
COMMIT_WRITES = 500
SIDE_BY_SIDE = 4
"""Commits on their way at once."""


@dataclass(slots=True)
class Imported:
    """duplicates: those that were suppressed already, or stand in the file before. changed: now for more than before."""

    added: int = 0
    changed: int = 0
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list)


async def import_suppressions(services: Services, rows: Rows) -> Imported:
    """What was written stays where an error ends it; the same file again goes on. Raises TooLarge or Unavailable."""
    done = Imported()
    wanted = await _read(services, rows, done)
    await services.suppressed.catch_up()
    held: list[Suppression] = []
    running: set[asyncio.Task[None]] = set()
    try:
        for one in [*wanted.values(), None]:
            if one is not None:
                held.append(one)
            if held and (one is None or len(held) == COMMIT_WRITES):
                running.add(asyncio.create_task(_store(services, held, done)))
                held = []
            while len(running) >= (SIDE_BY_SIDE if one else 1):
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return done


async def _read(services: Services, rows: Rows, done: Imported) -> dict[str, Suppression]:
    """The good rows by path; of several for the same address and domain the first counts."""
    wanted: dict[str, Suppression] = {}
    now = services.clock.now()
    for number, row in enumerate(rows):
        if number >= MOST_ROWS:
            raise TooLarge("too_many_rows", f"One request may hold {MOST_ROWS:,} rows at most.")
        if number % 500 == 0:
            await asyncio.sleep(0)  # others may run while a large file is read
        found = read_suppression(row, now) if isinstance(row, Row) else row
        if isinstance(found, Rejected):
            done.rejected.append(found)
        elif (path := suppression_path(found.address, found.scope)) in wanted:
            done.duplicates += 1
        else:
            wanted[path] = found
    return wanted


async def _store(services: Services, wanted: list[Suppression], done: Imported) -> None:
    """One commit. Only addresses of which something else is known are read before it."""
    same = sum(_is_known(services, one) for one in wanted)
    done.duplicates += same
    wanted = [one for one in wanted if not _is_known(services, one)] if same else wanted
    known = [one for one in wanted if services.suppressed.entry(one.hash, one.scope)]
    paths = [suppression_path(one.address, one.scope) for one in known]
    found = await read_many(services.store, paths)
    writes: list[Write] = []
    added = changed = 0
    for one in wanted:
        path = suppression_path(one.address, one.scope)
        stored = found.get(path)
        decided = decide_now(services, stored, one)
        if stored and decided == stored.value:
            continue
        writes.append(written(stored, path, decided))
        held = stored is not None and holds(stored.value, services.clock.now())
        added, changed = added + (not held), changed + held
    if writes:
        try:
            await services.store.commit(*writes)
        except Moved:
            for one in wanted:
                await suppress_address(services, one)
    done.added += added
    done.changed += changed
    done.duplicates += len(wanted) - added - changed


def _is_known(services: Services, one: Suppression) -> bool:
    """Exactly so already, as far as this process remembers."""
    entry = services.suppressed.entry(one.hash, one.scope)
    return entry is not None and entry == Entry(one.reason, one.expires_at, lifted=False)
