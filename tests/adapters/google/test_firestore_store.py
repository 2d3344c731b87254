from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

import pytest

from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.errors import Moved
from warmpost.rules.delivery.chunks import Chunk, pack, unpack
from warmpost.rules.delivery.progress import begin
from warmpost.rules.delivery.stored_progress import store_progress
from warmpost.rules.identity.domains import Domain, DomainKey, Record
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.writes import Add, Create, Delete, Put, Stored, Update

NOON = datetime(2026, 3, 29, 12, 30, 15, 123456, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Part:
    label: str
    kind: Literal["a", "b"] = "a"
    blob: bytes = b""


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    size: int = 0
    ratio: float = 0.0
    blob: bytes = b""
    at: datetime | None = None
    parts: tuple[Part, ...] = ()
    hashes: tuple[int, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    on: bool = False


FULL = Thing(
    name="Ünï·x\n\u2028😀",
    size=-(2**63),
    ratio=0.1,
    blob=bytes(range(256)),
    at=NOON,
    parts=(Part("one", "b", b"\x00\xff"), Part("")),
    hashes=(2**63 - 1, -1, 0),
    tags={"a.b": "dot", "ü `~*/[]": "odd"},
    counts={"sent": 3, "delivered": 0},
    on=True,
)


async def put(store: FirestoreStore, **things: Thing) -> None:
    await store.commit(*(Put(f"things/{name}", thing) for name, thing in things.items()))


async def ids(store: FirestoreStore, *where, **options) -> list[str]:
    return [one.id for one in await store.find(Thing, "things", *where, **options)]


async def the(store: FirestoreStore, name: str) -> Stored[Thing]:
    found = await store.get(Thing, f"things/{name}")
    assert found is not None
    return found


async def test_a_value_comes_back_as_it_was_stored(store: FirestoreStore) -> None:
    await store.commit(Create("things/one", FULL))
    found = await store.get(Thing, "things/one")
    assert found is not None
    assert found.value == FULL
    assert type(found.value.at) is datetime
    assert isinstance(found.value.parts, tuple)
    assert isinstance(found.value.parts[0].blob, bytes)
    assert (found.path, found.id) == ("things/one", "one")


async def test_moments_of_other_zones_come_back_in_utc(store: FirestoreStore) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=8)))
    await store.commit(Create("things/one", Thing("x", at=there)))
    found = await store.get(Thing, "things/one")
    assert found is not None
    assert found.value.at == NOON
    assert found.value.at.utcoffset() == timedelta(0)


async def test_real_documents_come_back_as_they_were_stored(store: FirestoreStore) -> None:
    domain = Domain(
        domain="news.example",
        status="pending",
        keys=(DomainKey("s1", "rsa-sha256", "MIIB", b"\x01sealed"),),
        records=(Record("spf", "news.example", "TXT", "v=spf1 ~all", ("v=spf1 -all",), "ok"),),
        created_at=NOON,
        verified_at=None,
    )
    chunk = pack(500, [Recipient("a@x.example", {"n": 1, "deep": [{"k": None}]}), Recipient("b@x.example")])
    await store.commit(Create("domains/news.example", domain), Create("lists/1/pages/000001", chunk))
    found = await store.get(Domain, "domains/news.example")
    page = await store.get(Chunk, "lists/1/pages/000001")
    assert found is not None
    assert page is not None
    assert found.value == domain
    assert page.value == chunk
    assert unpack(page.value)[0].data == {"n": 1, "deep": [{"k": None}]}


async def test_what_is_not_there_is_none(store: FirestoreStore) -> None:
    assert await store.get(Thing, "things/none") is None


async def test_documents_come_in_order_of_their_ids_after_a_cursor(store: FirestoreStore) -> None:
    await put(store, b=Thing("b"), a=Thing("a"), d=Thing("d"), c=Thing("c"))
    assert await ids(store) == ["a", "b", "c", "d"]
    assert await ids(store, limit=2) == ["a", "b"]
    assert await ids(store, after="b", limit=1) == ["c"]
    assert await ids(store, after="bb") == ["c", "d"]


async def test_documents_come_in_order_of_a_field(store: FirestoreStore) -> None:
    await put(store, a=Thing("x", 3), b=Thing("y", 1), c=Thing("z", 2))
    assert await ids(store, order_by="size") == ["b", "c", "a"]
    assert await ids(store, order_by="size", descending=True) == ["a", "c", "b"]
    assert await ids(store, order_by="size", after=1) == ["c", "a"]
    assert await ids(store, order_by="size", after=3, descending=True, limit=1) == ["c"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (("size", "==", 2), ["b"]),
        (("size", "<", 2), ["a"]),
        (("size", "<=", 2), ["a", "b"]),
        (("size", ">", 2), ["c"]),
        (("size", ">=", 2), ["b", "c"]),
        (("name", "in", ("x", "z")), ["a", "c"]),
        (("hashes", "array_contains", -7), ["b"]),
        (("at", ">", NOON), ["c"]),
        (("at", "==", None), ["a"]),
        (("on", "==", True), ["c"]),
        (("counts.sent", ">", 4), ["b"]),
    ],
)
async def test_documents_are_found_by_condition(store: FirestoreStore, where, expected: list[str]) -> None:
    await put(
        store,
        a=Thing("x", 1, counts={"sent": 1}),
        b=Thing("y", 2, hashes=(5, -7), at=NOON, counts={"sent": 5}),
        c=Thing("z", 3, at=NOON + timedelta(seconds=1), on=True),
    )
    assert await ids(store, where) == expected
    assert await store.count("things", where) == len(expected)


async def test_a_condition_and_a_cursor_go_together(store: FirestoreStore) -> None:
    await put(store, a=Thing("x", 1), b=Thing("y", 1), c=Thing("x", 1), d=Thing("x", 1))
    assert await ids(store, ("name", "==", "x"), after="a", limit=1) == ["c"]


async def test_a_collection_group_spans_all_parents(store: FirestoreStore) -> None:
    await store.commit(
        Create("batches/1/progress/000000", Thing("x", 1)),
        Create("batches/2/progress/000000", Thing("x", 2)),
        Create("progress/alone", Thing("y", 3)),
    )
    found = await store.find(Thing, "progress", ("name", "==", "x"), order_by="size", everywhere=True)
    assert [one.path for one in found] == ["batches/1/progress/000000", "batches/2/progress/000000"]


async def test_fields_brings_only_what_is_selected(store: FirestoreStore) -> None:
    await put(store, a=Thing("x", 1, blob=b"big"), b=Thing("y", 2, hashes=(4,)), c=Thing("z", 3))
    assert await store.fields("things", select=["size"], limit=2) == [("a", {"size": 1}), ("b", {"size": 2})]
    assert await store.fields("things", ("size", ">", 1), select=["name", "hashes"], order_by="size") == [
        ("b", {"name": "y", "hashes": [4]}),
        ("c", {"name": "z", "hashes": []}),
    ]
    assert [name for name, _ in await store.fields("things", select=["size"], after="a")] == ["b", "c"]


async def test_moments_in_selected_fields_are_plain_ones(store: FirestoreStore) -> None:
    await put(store, a=Thing("x", at=NOON))
    ((_, found),) = await store.fields("things", select=["at"])
    assert (type(found["at"]), found["at"]) == (datetime, NOON)


async def test_counts_and_sums_of_nested_numbers(store: FirestoreStore) -> None:
    names = ["size", *(f"counts.{name}" for name in ("sent", "delivered", "bounced", "failed", "held"))]
    assert await store.count("things") == 0
    assert set((await store.sums("things", names)).values()) == {0}
    full = {"sent": 10, "delivered": 0, "bounced": 0, "failed": 2, "held": 1}
    await put(store, a=Thing("x", 1, counts=full), b=Thing("y", 2, counts={**full, "sent": 5}))
    assert await store.count("things") == 2
    assert await store.sums("things", names) == {
        "size": 3,
        "sent": 15,
        "delivered": 0,
        "bounced": 0,
        "failed": 4,
        "held": 2,
    }


async def test_a_document_that_lacks_a_summed_number_counts_for_none_of_them(store: FirestoreStore) -> None:
    await put(store, a=Thing("x", 1, counts={"sent": 10}), b=Thing("y", 2))
    assert await store.sums("things", ["size", "counts.sent"]) == {"size": 1, "sent": 10}


async def test_create_refuses_what_exists(store: FirestoreStore) -> None:
    await store.commit(Create("things/a", Thing("first")))
    with pytest.raises(Moved):
        await store.commit(Create("things/a", Thing("second")), Create("things/b", Thing("b")))
    assert await ids(store) == ["a"]
    assert (await the(store, "a")).value.name == "first"


async def test_update_changes_the_named_fields_only(store: FirestoreStore) -> None:
    await put(store, a=Thing("x", 1, counts={"sent": 1}, parts=(Part("p"),)))
    await store.commit(
        Update("things/a", {"size": 5, "parts": (Part("q", "b"),), "at": NOON, "counts.held": 2})
    )
    assert (await the(store, "a")).value == Thing(
        "x", 5, counts={"sent": 1, "held": 2}, parts=(Part("q", "b"),), at=NOON
    )


async def test_update_of_what_does_not_exist_is_refused(store: FirestoreStore) -> None:
    with pytest.raises(Moved):
        await store.commit(Put("things/b", Thing("b")), Update("things/a", {"size": 1}))
    assert await ids(store) == []


async def test_a_version_from_reading_holds_until_somebody_writes(store: FirestoreStore) -> None:
    await put(store, a=Thing("x"))
    mine = await the(store, "a")
    await store.commit(Update("things/a", {"size": 1}, mine.version))
    with pytest.raises(Moved):
        await store.commit(Update("things/a", {"size": 2}, mine.version), Put("things/b", Thing("b")))
    with pytest.raises(Moved):
        await store.commit(Delete("things/a", mine.version))
    assert await ids(store) == ["a"]
    assert (await the(store, "a")).value.size == 1


async def test_a_version_from_finding_or_committing_holds_too(store: FirestoreStore) -> None:
    await put(store, a=Thing("x"))
    (found,) = await store.find(Thing, "things")
    (version,) = await store.commit(Update(found.path, {"size": 1}, found.version))
    first, _ = await store.commit(Update("things/a", {"size": 2}, version), Put("things/b", Thing("b")))
    await store.commit(Delete("things/a", first))
    assert await ids(store) == ["b"]


async def test_a_version_of_what_was_deleted_does_not_hold(store: FirestoreStore) -> None:
    await put(store, a=Thing("x"))
    gone = await the(store, "a")
    await store.commit(Delete("things/a", gone.version))
    with pytest.raises(Moved):
        await store.commit(Update("things/a", {"size": 1}, gone.version))
    with pytest.raises(Moved):
        await store.commit(Delete("things/a", gone.version))


async def test_delete_without_a_version_never_minds(store: FirestoreStore) -> None:
    await store.commit(Delete("things/none"))


async def test_differences_of_many_writers_add_up(store: FirestoreStore) -> None:
    await put(store, a=Thing("x", 100, counts={"sent": 1}))
    await asyncio.gather(
        *(store.commit(Update("things/a", {"size": Add(-1), "counts.sent": Add(2)})) for _ in range(20))
    )
    thing = (await the(store, "a")).value
    assert (thing.size, thing.counts) == (80, {"sent": 41})


async def test_of_many_who_name_one_version_one_wins(store: FirestoreStore) -> None:
    await put(store, a=Thing("x"))
    version = (await the(store, "a")).version
    results = await asyncio.gather(
        *(store.commit(Update("things/a", {"size": n}, version)) for n in range(1, 9)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, list) for one in results) == 1
    assert sum(isinstance(one, Moved) for one in results) == 7


async def test_progress_is_stored_as_part_of_another_document(store: FirestoreStore) -> None:
    await put(store, a=Thing("x"))
    progress = store_progress(begin(3), seq=4)
    await store.commit(Update("things/a", {"progress": progress, "counts": progress.counts}))
    assert await store.fields("things", select=["progress.seq", "progress.results"]) == [
        ("a", {"progress": {"seq": 4, "results": progress.results}})
    ]


async def test_numbers_are_unique_among_fifty_at_once(store: FirestoreStore) -> None:
    assert await store.next_number("lists") == 1
    drawn = await asyncio.gather(*(store.next_number("lists") for _ in range(50)))
    assert sorted(drawn) == list(range(2, 52))
    assert await store.next_number("templates") == 1
