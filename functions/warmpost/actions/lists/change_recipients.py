"""Changing what is known of people who are on a list already: one by one, or by a file that is imported again.

Given variables are laid over those that are there, so that nobody loses one; a variable set to null goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.lists.manage_lists import page_with, require_free
from warmpost.actions.storage.names import find_list
from warmpost.errors import NotFound, TooLarge
from warmpost.rules.delivery.chunks import Chunk, pack, unpack
from warmpost.rules.lists.csv_import import Row, Rows, read_row
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Stored, Update

MOST_PAGE_BYTES = 900_000
"""Of a packed page: Firestore takes documents of 1 MiB."""


async def change_recipient(
    services: Services, reference: int | str, text: str, data: Mapping[str, object]
) -> Recipient:
    """Raises NotFound, Moved, TooLarge, or Conflict while an import is under way."""
    stored = await find_list(services.store, reference)
    require_free(stored.value, services.clock.now())
    found = await page_with(services.store, stored, text)
    if found is None:
        raise NotFound("recipient_not_found", f"{text[:254]} is not on this list.")
    page, recipients, place = found
    changed = _laid_over(recipients[place], data)
    if not isinstance(row := read_row(1, changed.address, changed.data), Row):
        raise TooLarge("request_too_large", f"{row.reason[:1].upper()}{row.reason[1:]}.", "data")
    recipients[place] = changed
    head = {"variables": tuple(name for name in stored.value.variables if name in changed.data)}
    await services.store.commit(Update(stored.path, head, stored.version), page_update(page, recipients))
    return changed


def _laid_over(one: Recipient, data: Mapping[str, object]) -> Recipient:
    return Recipient(
        one.address, {name: value for name, value in {**one.data, **data}.items() if value is not None}
    )


def page_update(page: Stored[Chunk], recipients: list[Recipient]) -> Update:
    """Raises TooLarge."""
    packed = pack(page.value.first, recipients)
    if len(packed.recipients) > MOST_PAGE_BYTES:
        reason = "The page of the list that holds this recipient is full; remove it and add it anew."
        raise TooLarge("request_too_large", reason, "data")
    changes = {"count": packed.count, "recipients": packed.recipients, "hashes": packed.hashes}
    return Update(page.path, changes, page.version)


async def update_page(services: Services, path: str, rows: Mapping[int, Row]) -> Update | None:
    """What changes on the page where people have other data in `rows`, by `address_hash`; None where nothing does."""
    page = await services.store.get(Chunk, path)
    if page is None:
        return None
    before = unpack(page.value)
    after = [_with(one, rows.get(address_hash(one.address))) for one in before]
    return page_update(page, after) if after != before else None


def _with(one: Recipient, row: Row | None) -> Recipient:
    return one if row is None else _laid_over(one, row.recipient.data)


def by_hash(rows: Rows) -> dict[int, Row]:
    """The last good row of each address."""
    found: dict[int, Any] = {}
    for row in rows:
        if isinstance(row, Row):
            found[address_hash(row.recipient.address)] = row
    return found
