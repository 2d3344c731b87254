"""Recipient lists: their heads, and reading the pages that hold their recipients.

A list's recipients are its pages 0 to `pages` - 1; documents beyond are left over from an import that did not end
and mean nothing. A page's `first` grows from page to page and never changes: a removal leaves a gap, so it is an
order and not a count. Pages may hold fewer than 500 recipients, even none.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.ports import Store
from warmpost.actions.storage.names import find_list, free_name, require_name, require_unused, take_name
from warmpost.actions.storage.needed import refuse_while_scheduled
from warmpost.actions.storage.pagination import Listed, Page, list_by_number, wrong_cursor
from warmpost.actions.storage.retries import commit_new
from warmpost.errors import Conflict, Moved, NotFound
from warmpost.rules.delivery.chunks import Chunk, pack, unpack
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.addresses import Flaw, read_address
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Add, Create, Delete, Stored, Update, Write

LISTED_FIELDS = ("number", "name", "count", "variables", "created_at", "busy_until", "description")
MOST_DELETES = 400
LONGEST_WAIT = 30


async def create_list(services: Services, text: str) -> Stored[RecipientList]:
    """Raises Invalid or Conflict."""
    name = require_name(text)
    await require_unused(services.store, "list", name)
    number = await services.store.next_number("lists")
    fresh = RecipientList(name, 0, 0, (), services.clock.now(), number=number)
    path = f"lists/{number}"
    try:
        versions = await commit_new(services.store, Create(path, fresh), take_name("list", name, str(number)))
    except Moved:
        await require_unused(services.store, "list", name)
        raise
    return Stored(path, fresh, versions[0])


async def rename_list(services: Services, reference: int | str, text: str) -> Stored[RecipientList]:
    """Raises NotFound, Invalid, Conflict or Moved."""
    name = require_name(text)
    stored = await find_list(services.store, reference)
    if name == stored.value.name:
        return stored
    require_free(stored.value, services.clock.now())
    await require_unused(services.store, "list", name)
    versions = await services.store.commit(
        Update(stored.path, {"name": name}, stored.version),
        free_name("list", stored.value.name),
        take_name("list", name, stored.id),
    )
    return Stored(stored.path, replace(stored.value, name=name), versions[0])


def require_free(found: RecipientList, now: datetime) -> None:
    """Raises Conflict while an import is under way."""
    if found.busy_until is not None and found.busy_until > now:
        wait = math.ceil((found.busy_until - now).total_seconds())
        raise Conflict(
            "list_is_busy",
            "Another import into this list is under way; try again when it has ended.",
            retry_after=max(1, min(wait, LONGEST_WAIT)),
        )


async def list_lists(services: Services, page: Page) -> Listed[tuple[str, dict[str, Any]]]:
    return await list_by_number(services.store, "lists", page, LISTED_FIELDS)


async def delete_list(services: Services, reference: int | str) -> None:
    """The head goes first: nobody sees a list half deleted, and ids are never used again.

    Raises NotFound, Moved, or Conflict while an import is under way, a batch copies it, or a schedule needs it.
    """
    stored = await find_list(services.store, reference)
    await refuse_while_scheduled(services.store, "list", stored.path)
    await _refuse_while_copied(services.store, stored.id)
    require_free(stored.value, services.clock.now())
    await services.store.commit(Delete(stored.path, stored.version), free_name("list", stored.value.name))
    while pages := await services.store.fields(f"{stored.path}/pages", select=["first"], limit=MOST_DELETES):
        await services.store.commit(*(Delete(f"{stored.path}/pages/{name}") for name, _ in pages))


async def _refuse_while_copied(store: Store, list_id: str) -> None:
    copying = await store.find(
        Batch, "batches", ("list_id", "==", list_id), ("status", "==", BatchStatus.PLANNING), limit=1
    )
    if copying:
        reason = f"Batch {copying[0].id} is still copying this list; try again in a minute."
        raise Conflict("list_in_use", reason)


def page_path(list_path: str, number: int) -> str:
    return f"{list_path}/pages/{number:06d}"


async def list_recipients(services: Services, reference: int | str, page: Page) -> Listed[Recipient]:
    """In the order in which they came; the cursor is `<page>.<place in it>`. Raises NotFound or Invalid."""
    stored = await find_list(services.store, reference)
    number, place = _position(page.cursor)
    found: list[Recipient] = []
    while number < stored.value.pages:
        chunk = await services.store.get(Chunk, page_path(stored.path, number))
        recipients = unpack(chunk.value) if chunk else []
        taken = recipients[place : place + page.limit - len(found)]
        found += taken
        place += len(taken)
        if place < len(recipients):
            return Listed(found, f"{number}.{place}")
        number, place = number + 1, 0
        if len(found) == page.limit:
            break
    return Listed(found, f"{number}.0" if number < stored.value.pages else None)


def _position(cursor: str | None) -> tuple[int, int]:
    number, dot, place = (cursor or "0.0").partition(".")
    if not (dot and all(part.isascii() and part.isdigit() and len(part) <= 9 for part in (number, place))):
        raise wrong_cursor()
    return int(number), int(place)


async def find_recipient(services: Services, reference: int | str, text: str) -> list[Recipient]:
    """The list's recipient with that address, or nothing. Raises NotFound for the list."""
    stored = await find_list(services.store, reference)
    found = await page_with(services.store, stored, text)
    return [found[1][found[2]]] if found else []


async def recipient_at(services: Services, reference: int | str, position: int) -> Recipient:
    """The list's recipient of that place, from 0. Raises NotFound, with the field that named it."""
    stored = await find_list(services.store, reference, "list")
    pages = await services.store.fields(f"{stored.path}/pages", select=("count",), limit=stored.value.pages)
    for name, row in pages:
        if position < row["count"]:
            page = await services.store.get(Chunk, f"{stored.path}/pages/{name}")
            if page is not None and position < page.value.count:
                return unpack(page.value)[position]
        position -= row["count"]
    count = stored.value.count
    raise NotFound("recipient_not_found", f"The list has {count:,} recipients, from 0 on.", "position")


async def page_with(
    store: Store, stored: Stored[RecipientList], text: str
) -> tuple[Stored[Chunk], list[Recipient], int] | None:
    """The page that holds an address, its recipients, and the place in it."""
    address = read_address(text.strip())
    if isinstance(address, Flaw):
        return None
    wanted = address.lower()
    pages = await store.find(
        Chunk, f"{stored.path}/pages", ("hashes", "array_contains", address_hash(address))
    )
    for page in pages:
        if int(page.id) >= stored.value.pages:
            continue
        recipients = unpack(page.value)
        for place, one in enumerate(recipients):
            if one.address.lower() == wanted:
                return page, recipients, place
    return None


async def remove_recipient(services: Services, reference: int | str, text: str) -> None:
    """Raises NotFound, Moved, or Conflict while an import is under way."""
    stored = await find_list(services.store, reference)
    require_free(stored.value, services.clock.now())
    found = await page_with(services.store, stored, text)
    if found is None:
        raise NotFound("recipient_not_found", f"{text[:254]} is not on this list.")
    page, recipients, place = found
    smaller = pack(page.value.first, recipients[:place] + recipients[place + 1 :])
    writes: list[Write] = [
        Update(stored.path, {"count": Add(-1)}, stored.version),
        Update(
            page.path,
            {"count": smaller.count, "recipients": smaller.recipients, "hashes": smaller.hashes},
            page.version,
        ),
    ]
    await services.store.commit(*writes)
