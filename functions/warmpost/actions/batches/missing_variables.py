"""Who on a list lacks what the template needs, by name, so that it can be put right."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from warmpost.actions.lists.manage_lists import page_path
from warmpost.actions.ports import Store
from warmpost.errors import Invalid, Moved
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.model.writes import Stored, Update

MOST_PAGES = 400
AT_ONCE = 20
MOST_NAMED = 20


async def refuse_those_who_lack(store: Store, stored: Stored[RecipientList], needed: Collection[str]) -> None:
    """needed: variables that the head of the list does not know of everybody. Raises Invalid where somebody lacks one.

    Where nobody does, since rows were changed or removed, the head learns it.
    """
    if not needed:
        return
    value = stored.value
    lacking: dict[str, list[str]] = {name: [] for name in sorted(needed)}
    looked_at = min(value.pages, MOST_PAGES)
    place = 0
    for start in range(0, looked_at, AT_ONCE):
        paths = [page_path(stored.path, page) for page in range(start, min(start + AT_ONCE, looked_at))]
        for found in await asyncio.gather(*(store.get(Chunk, path) for path in paths)):
            for one in unpack(found.value) if found else ():
                place += 1
                for name, rows in lacking.items():
                    if name not in one.data:
                        rows.append(f"{one.address} (row {place:,})")
    for name, rows in lacking.items():
        if rows or looked_at < value.pages:
            raise Invalid("missing_variable", _told(name, rows, place, value), f"data.{name}")
    await _learn(store, stored, needed)


def _told(name: str, rows: list[str], looked_at: int, value: RecipientList) -> str:
    of = f"{value.count:,}" if looked_at >= value.count else f"the first {looked_at:,}"
    named = ", ".join(rows[:MOST_NAMED])
    more = f" and {len(rows) - MOST_NAMED:,} more" if len(rows) > MOST_NAMED else ""
    return (
        f"The template needs the variable {name!r}, which {len(rows):,} of {of} recipients lack: {named}{more}. "
        "Change those rows, or give a value for all in `data`."
    )


async def _learn(store: Store, stored: Stored[RecipientList], names: Collection[str]) -> None:
    try:
        known = (*stored.value.variables, *sorted(names))
        await store.commit(Update(stored.path, {"variables": known}, stored.version))
    except Moved:
        return  # somebody else changes the list; it is learnt the next time
