"""The packed copy of all suppressions: read by a worker that begins, written anew by one that has read much beyond it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from warmpost.actions.ports import Store
from warmpost.actions.storage.gather import gather_limited
from warmpost.errors import Moved, Unavailable
from warmpost.rules.model.writes import Create, Delete, Stored, Update, Write
from warmpost.rules.suppressions.documents import SuppressionIndex, SuppressionPage
from warmpost.rules.suppressions.snapshot_pages import Entry, group, pack_pages, unpack_page

HEAD = "suppression_pages/head"
TRIES = 3

Known = dict[str, dict[int, Entry]]
"""By scope and hash."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """head: as it was read, which a newer one replaces."""

    head: Stored[SuppressionIndex] | None = None

    @property
    def upto(self) -> datetime | None:
        """Every change stamped until then is in it."""
        return self.head.value.upto if self.head else None


async def load_snapshot(store: Store, known: Known) -> Snapshot:
    """Adds what it holds to `known`. Its pages vanish when a newer one has taken its place: that is read then."""
    for _ in range(TRIES):
        head = await store.get(SuppressionIndex, HEAD)
        if head is None:
            return Snapshot()
        paths = _paths(head.value)
        pages = await gather_limited(store.get(SuppressionPage, path) for path in paths)
        if all(pages):
            for page in pages:
                if page:
                    _add(known, page.value.content)
            return Snapshot(head)
    return Snapshot()


def _add(known: Known, content: bytes) -> None:
    for scope, entry, hashes in unpack_page(content):
        known.setdefault(scope, {}).update(dict.fromkeys(hashes, entry))


def _paths(index: SuppressionIndex) -> list[str]:
    return [f"suppression_pages/{index.version}-{number}" for number in range(index.pages)]


async def keep_snapshot(
    store: Store, before: Snapshot, known: Mapping[str, Mapping[int, Entry]], upto: datetime
) -> Snapshot:
    """In place of the one before; whoever was faster is left alone. A failure costs nothing but another try later."""
    pages = list(pack_pages(group(known)))
    index = SuppressionIndex(secrets.token_hex(8), len(pages), upto)
    try:
        for path, content in zip(_paths(index), pages, strict=True):
            await store.commit(Create(path, SuppressionPage(content)))
        old = before.head
        head: Write = Update(HEAD, _fields(index), old.version) if old else Create(HEAD, index)
        try:
            version, *_ = await store.commit(head)
        except Moved:
            await _remove(store, _paths(index))
            return before
        await _remove(store, _paths(old.value) if old else [])
    except Unavailable:
        return before
    return Snapshot(Stored(HEAD, index, version))


def _fields(index: SuppressionIndex) -> dict[str, Any]:
    return {name: getattr(index, name) for name in SuppressionIndex.__slots__}


async def _remove(store: Store, paths: list[str]) -> None:
    if paths:
        await store.commit(*(Delete(path) for path in paths))
