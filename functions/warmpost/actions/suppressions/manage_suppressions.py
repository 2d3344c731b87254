"""Addresses that must not be mailed: what is known of them, and every change of it.

Nothing is ever deleted: lifting a suppression is a change like any other, so that workers which remember the list see it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, fields, replace

from warmpost.actions.context import Services
from warmpost.actions.ports import Store
from warmpost.actions.storage.pagination import Listed, Page, list_by_id
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import NotFound
from warmpost.rules.model.addresses import read_address
from warmpost.rules.model.derived_ids import address_hash, short_hash
from warmpost.rules.model.writes import Create, Filter, Stored, Update, Write
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.suppressions.precedence import decide, holds, require_note, weight

STAMP = "changed_at"
CHANGED = tuple(one.name for one in fields(Suppression) if one.name != STAMP)
EXPORT_PAGE = 1000
SIDE_BY_SIDE = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which to list. domain: those of this scope alone, empty for the deployment's. lifted: what holds no more."""

    reason: str | None = None
    domain: str | None = None
    lifted: bool = False


async def suppress_address(services: Services, wanted: Suppression) -> Suppression:
    """An address that is suppressed already stays so, for the heavier reason and the longer time. Raises Moved."""
    return await retry_on_conflict(lambda: _suppress(services, wanted))


async def _suppress(services: Services, wanted: Suppression) -> Suppression:
    path = suppression_path(wanted.address, wanted.scope)
    stored = await services.store.get(Suppression, path)
    decided = decide_now(services, stored, wanted)
    if stored is None or decided != stored.value:
        await services.store.commit(written(stored, path, decided))
    return decided


def decide_now(services: Services, stored: Stored[Suppression] | None, wanted: Suppression) -> Suppression:
    """As `decide`, but an operator's word brings back what was lifted before."""
    known = stored.value if stored else None
    return decide(known if known and holds(known, services.clock.now()) else None, wanted)


def written(stored: Stored[Suppression] | None, path: str, value: Suppression) -> Write:
    """As a new document or a change of the one that was read; when and why it was lifted once stays on record."""
    if stored is None:
        return Create(path, value, STAMP)
    if value.lifted_at is None:
        value = replace(value, lifted_at=stored.value.lifted_at, lifted_note=stored.value.lifted_note)
    return Update(path, {name: getattr(value, name) for name in CHANGED}, stored.version, STAMP)


def suppression_path(address: str, scope: str = "") -> str:
    """One document per address and scope: what a reader asked of one domain says nothing of another."""
    name = f"{address_hash(address) & 0xFFFF_FFFF_FFFF_FFFF:016x}"
    return f"suppressions/{name}-{short_hash(scope)}" if scope else f"suppressions/{name}"


async def suppress_all(services: Services, said: Iterable[Suppression]) -> list[Write]:
    """Writes for what follows from events, whatever their order; they fail if another change comes between."""
    wanted: dict[str, list[Suppression]] = {}
    for one in said:
        wanted.setdefault(suppression_path(one.address, one.scope), []).append(one)
    writes: list[Write] = []
    for path, stored in (await read_many(services.store, list(wanted))).items():
        decided = known = stored.value if stored else None
        for one in wanted[path]:
            decided = decide(decided, one)
        if decided is not None and decided != known:
            writes.append(written(stored, path, decided))
    return writes


async def read_many(store: Store, paths: Sequence[str]) -> dict[str, Stored[Suppression] | None]:
    found: dict[str, Stored[Suppression] | None] = {}
    for start in range(0, len(paths), SIDE_BY_SIDE):
        some = paths[start : start + SIDE_BY_SIDE]
        read = await asyncio.gather(*(store.get(Suppression, path) for path in some))
        found |= zip(some, read, strict=True)
    return found


async def find_suppressions(services: Services, text: str) -> list[Stored[Suppression]]:
    """All that holds of an address, what says most first. Raises NotFound."""
    address = read_address(text.strip())
    found: list[Stored[Suppression]] = []
    if isinstance(address, str):
        where: Filter = ("hash", "==", address_hash(address))
        found = await services.store.find(Suppression, "suppressions", where)
    now = services.clock.now()
    holding = sorted((one for one in found if holds(one.value, now)), key=_weight, reverse=True)
    if not holding:
        raise NotFound("suppression_not_found", f"{text[:254]} is not suppressed.")
    return holding


def _weight(stored: Stored[Suppression]) -> tuple[bool, int]:
    return weight(stored.value)


async def list_suppressions(services: Services, page: Page, wanted: Wanted) -> Listed[Stored[Suppression]]:
    """A page may hold fewer than asked for, where some have expired. Raises Invalid."""
    where: list[Filter] = [("lifted", "==", wanted.lifted)]
    if wanted.reason is not None:
        where.append(("reason", "==", wanted.reason))
    if wanted.domain is not None:
        where.append(("scope", "==", wanted.domain))
    found = await list_by_id(services.store, Suppression, "suppressions", page, *where)
    now = services.clock.now()
    kept = [one for one in found.items if wanted.lifted or holds(one.value, now)]
    return Listed(kept, found.next_cursor)


async def export_suppressions(
    services: Services, wanted: Wanted
) -> AsyncIterator[Sequence[Stored[Suppression]]]:
    """All of them, a page at a time."""
    page = Page(EXPORT_PAGE)
    while True:
        found = await list_suppressions(services, page, wanted)
        yield found.items
        if found.next_cursor is None:
            return
        page = Page(EXPORT_PAGE, found.next_cursor)


async def lift_suppression(services: Services, text: str, domain: str | None, note: str) -> None:
    """domain: the scope to lift, None for all there are. The note stays with it. Raises NotFound, Invalid or Moved."""
    require_note(note)
    found = await find_suppressions(services, text)
    wanted = [one for one in found if domain is None or one.value.scope == domain]
    if not wanted:
        raise NotFound(
            "suppression_not_found", f"{text[:254]} is not suppressed for {domain or 'everything'}."
        )
    now = services.clock.now()
    lifted = [replace(one.value, lifted=True, lifted_at=now, lifted_note=note) for one in wanted]
    await services.store.commit(
        *(written(one, one.path, value) for one, value in zip(wanted, lifted, strict=True))
    )
