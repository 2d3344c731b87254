"""Collections a page at a time, so that no answer grows with what is stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from warmpost.actions.ports import Store
from warmpost.errors import Invalid
from warmpost.rules.model.writes import Filter, Stored

T = TypeVar("T")

_RESERVED = re.compile(r"\.\.?|__.*__", re.DOTALL).fullmatch
"""Ids that Firestore takes for nobody's."""

DEFAULT_LIMIT = 100
MOST_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """What a caller asks for. cursor: where the page before it ended, None for the first."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    items: Sequence[T]
    next_cursor: str | None


async def list_by_id(
    store: Store, kind: type[T], collection: str, page: Page, *where: Filter
) -> Listed[Stored[T]]:
    """Documents in the order of their ids; the cursor is the last id. Raises Invalid."""
    if page.cursor is not None:
        _require_document_id(page.cursor)
    found = await store.find(kind, collection, *where, after=page.cursor, limit=page.limit + 1)
    items = found[: page.limit]
    return Listed(items, items[-1].id if len(found) > page.limit else None)


async def list_by_number(
    store: Store, collection: str, page: Page, select: Sequence[str]
) -> Listed[tuple[str, dict[str, Any]]]:
    """A few fields of documents in the order of their field `number`, which is the cursor. Raises Invalid."""
    last = whole_cursor(page.cursor) if page.cursor is not None else 0
    found = await store.fields(
        collection, ("number", ">", last), select=select, order_by="number", limit=page.limit + 1
    )
    items = found[: page.limit]
    return Listed(items, items[-1][0] if len(found) > page.limit else None)


def whole_cursor(cursor: str) -> int:
    """Raises Invalid."""
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise wrong_cursor()
    return int(cursor)


def _require_document_id(cursor: str) -> None:
    if not 0 < len(cursor.encode("utf-8", "replace")) <= 1500 or "/" in cursor or _RESERVED(cursor):
        raise wrong_cursor()


def wrong_cursor() -> Invalid:
    return Invalid("invalid_cursor", "This cursor is not one that a list answered.", "cursor")
