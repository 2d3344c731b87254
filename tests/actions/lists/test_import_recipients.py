from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.set_clock import SetClock
from warmpost.actions.lists import import_recipients as importing
from warmpost.actions.lists.import_recipients import LEASE, import_recipients
from warmpost.actions.lists.manage_lists import create_list, remove_recipient
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.errors import Conflict, Moved, TooLarge, Unavailable
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.lists.csv_import import CsvRows, JsonRows, open_csv
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Put, Update


def services_of(store: Any) -> Any:
    """What an import uses of them."""
    return SimpleNamespace(store=store, clock=SetClock())


def addresses(first: int, end: int) -> JsonRows:
    return JsonRows([(f"r{n}@x.example", {"n": n}) for n in range(first, end)])


def csv(text: str) -> CsvRows:
    rows = open_csv(text.encode())
    assert isinstance(rows, CsvRows)
    return rows


@pytest.fixture
async def shop(store: FirestoreStore) -> Any:
    shop = services_of(store)
    await create_list(shop, "l")
    return shop


async def head(shop: Any) -> RecipientList:
    return (await shop.store.get(RecipientList, "lists/1")).value


async def pages(shop: Any) -> list[Chunk]:
    """The ones that count."""
    found = await shop.store.find(Chunk, "lists/1/pages")
    return [one.value for one in found][: (await head(shop)).pages]


async def listed(shop: Any) -> list[str]:
    return [one.address for page in await pages(shop) for one in unpack(page)]


async def test_recipients_lie_packed_in_pages_in_their_order(shop) -> None:
    await import_recipients(shop, "l", addresses(0, 1201))
    found = await pages(shop)
    assert [(one.first, one.count) for one in found] == [(0, 500), (500, 500), (1000, 201)]
    assert found[1].hashes[0] == address_hash("r500@x.example")
    assert await listed(shop) == [f"r{n}@x.example" for n in range(1201)]
    assert (await head(shop)).count == 1201
    assert (await head(shop)).busy_until is None


async def test_a_page_that_is_not_full_is_filled_up_first(shop) -> None:
    for first, end in ((0, 3), (3, 499), (499, 502), (502, 1500), (1500, 1501)):
        done = await import_recipients(shop, "l", addresses(first, end))
        assert done.count == end
    assert await listed(shop) == [f"r{n}@x.example" for n in range(1501)]
    assert [one.count for one in await pages(shop)] == [500, 500, 500, 1]
    assert [one.first for one in await pages(shop)] == [0, 500, 1000, 1500]


async def test_duplicates_are_found_in_the_request_and_on_every_page_of_the_list(shop) -> None:
    await import_recipients(shop, "l", addresses(0, 1100))
    rows = JsonRows([(f"R{n}@X.example", {}) for n in (3, 777, 1099, 1100, 1100)])
    done = await import_recipients(shop, "l", rows)
    assert (done.added, done.duplicates, done.count) == (1, 4, 1101)
    assert [(one.line, one.reason) for one in done.rejected] == [(n, "duplicate") for n in (1, 2, 3, 5)]


async def test_an_import_that_adds_nothing_writes_no_page(shop) -> None:
    await import_recipients(shop, "l", addresses(0, 10))
    before = await shop.store.find(Chunk, "lists/1/pages")
    done = await import_recipients(shop, "l", addresses(0, 10))
    assert (done.added, done.duplicates, done.count) == (0, 10, 10)
    assert await shop.store.find(Chunk, "lists/1/pages") == before
    assert (await head(shop)).busy_until is None


async def test_variables_are_those_that_every_recipient_has(shop) -> None:
    await import_recipients(shop, "l", csv("email,name,city\na@x.example,,\n"))
    assert (await head(shop)).variables == ("name", "city")
    await import_recipients(shop, "l", csv("email,city,age\na@x.example,1,2\nbad,1,2\n"))
    assert (await head(shop)).variables == ("name", "city")
    await import_recipients(shop, "l", csv("email,city,age\nb@x.example,1,2\n"))
    assert (await head(shop)).variables == ("city",)


async def test_large_rows_make_smaller_pages_and_no_commit_is_too_large(shop) -> None:
    noise = Random(1)
    rows = [(f"r{n}@x.example", {"v": noise.randbytes(2000).decode("latin-1")}) for n in range(1500)]
    done = await import_recipients(shop, "l", JsonRows(rows))
    assert done.added == 1500
    found = await pages(shop)
    assert len(found) > 6
    assert all(one.count < 300 for one in found)
    assert await listed(shop) == [address for address, _ in rows]


async def test_the_second_of_two_imports_at_once_is_told_to_wait(shop) -> None:
    results = await asyncio.gather(
        import_recipients(shop, "l", addresses(0, 5000)),
        import_recipients(shop, "l", addresses(5000, 10_000)),
        return_exceptions=True,
    )
    (refused,) = [one for one in results if isinstance(one, Exception)]
    assert isinstance(refused, Conflict)
    assert refused.code == "list_is_busy"
    assert refused.retry_after is not None
    assert 1 <= refused.retry_after <= 60
    assert (await head(shop)).count == 5000
    assert len(set(await listed(shop))) == 5000
    assert (await import_recipients(shop, "l", addresses(0, 10_000))).added == 5000


async def test_a_busy_list_is_neither_deleted_nor_renamed_nor_thinned(shop) -> None:
    from warmpost.actions.lists.manage_lists import delete_list, rename_list

    await import_recipients(shop, "l", addresses(0, 3))
    await shop.store.commit(Update("lists/1", {"busy_until": shop.clock.now() + LEASE}))
    for attempt in (
        delete_list(shop, "l"),
        rename_list(shop, "l", "m"),
        remove_recipient(shop, "l", "r1@x.example"),
    ):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert refused.value.code == "list_is_busy"
    shop.clock.advance(LEASE.total_seconds() + 1)
    await remove_recipient(shop, "l", "r1@x.example")
    assert await listed(shop) == ["r0@x.example", "r2@x.example"]


class FailingStore:
    """Loses its database at the given commit; `lost` says whether the commit before the loss was applied."""

    def __init__(self, store: FirestoreStore, at: int) -> None:
        self._store = store
        self._left = at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, *writes: Any) -> list[Any]:
        self._left -= 1
        if self._left == 0:
            raise Unavailable("store_unavailable", "gone for a moment")
        return await self._store.commit(*writes)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
async def test_an_import_that_fails_on_the_way_leaves_the_list_as_it_was(shop, monkeypatch, at: int) -> None:
    monkeypatch.setattr(importing, "COMMIT_PAGES", 2)
    await import_recipients(shop, "l", addresses(0, 750))
    before = await listed(shop)
    broken = services_of(FailingStore(shop.store, at))
    with pytest.raises(Unavailable):
        await import_recipients(broken, "l", addresses(1000, 2800))
    assert await listed(shop) == before
    assert (await head(shop)).count == 750
    assert (await head(shop)).busy_until is None
    assert (await import_recipients(shop, "l", addresses(700, 3000))).count == 3000
    assert await listed(shop) == [f"r{n}@x.example" for n in range(3000)]


async def test_an_overtaken_import_can_write_nothing_more(shop, monkeypatch) -> None:
    monkeypatch.setattr(importing, "COMMIT_PAGES", 1)
    late = services_of(shop.store)
    overtaken = asyncio.Event()
    resume = asyncio.Event()
    commits = 0

    class Stalling(FailingStore):
        async def commit(self, *writes: Any) -> list[Any]:
            nonlocal commits
            commits += 1
            if commits == 3:
                overtaken.set()
                await resume.wait()
            return await self._store.commit(*writes)

    late.store = Stalling(shop.store, 0)
    running = asyncio.create_task(import_recipients(late, "l", addresses(5000, 7000)))
    await overtaken.wait()
    shop.clock.advance(LEASE.total_seconds() + 1)
    await import_recipients(shop, "l", addresses(0, 1600))
    resume.set()
    with pytest.raises(Moved):
        await running
    assert await listed(shop) == [f"r{n}@x.example" for n in range(1600)]
    assert (await head(shop)).count == 1600


async def test_more_rows_than_a_request_may_hold_are_refused_as_a_whole(shop, monkeypatch) -> None:
    monkeypatch.setattr(importing, "MOST_ROWS", 1000)
    assert (await import_recipients(shop, "l", addresses(0, 1000))).added == 1000
    with pytest.raises(TooLarge):
        await import_recipients(shop, "l", addresses(500, 1501))
    assert (await head(shop)).count == 1000
    assert (await head(shop)).busy_until is None


async def test_positions_keep_growing_after_removals(shop) -> None:
    await import_recipients(shop, "l", addresses(0, 1000))
    for name in ("r0", "r600", "r999"):
        await remove_recipient(shop, "l", f"{name}@x.example")
    await import_recipients(shop, "l", addresses(1000, 1600))
    found = await pages(shop)
    assert [(one.first, one.count) for one in found] == [(0, 499), (500, 500), (1000, 500), (1500, 98)]
    assert (await head(shop)).count == 1597
    expected = [f"r{n}@x.example" for n in range(1600) if n not in (0, 600, 999)]
    assert await listed(shop) == expected


async def test_a_list_can_be_emptied_and_filled_again(shop) -> None:
    await import_recipients(shop, "l", addresses(0, 2))
    for n in (0, 1):
        await remove_recipient(shop, "l", f"r{n}@x.example")
    assert (await head(shop)).count == 0
    await import_recipients(shop, "l", csv("email,city\nr1@x.example,Rome\n"))
    assert await listed(shop) == ["r1@x.example"]
    assert (await head(shop)).variables == ("city",)


async def test_left_over_pages_are_not_part_of_the_list(shop) -> None:
    await import_recipients(shop, "l", addresses(0, 10))
    (page,) = await shop.store.find(Chunk, "lists/1/pages")
    ghost = replace(page.value, first=5000)
    await shop.store.commit(Put("lists/1/pages/000009", ghost))
    await remove_recipient(shop, "l", "r5@x.example")
    done = await import_recipients(shop, "l", addresses(5, 6))
    assert (done.added, done.count) == (1, 10)
