from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from tests.problems import problem
from warmpost.rules.chunks import address_hash
from warmpost.rules.documents import Suppression
from warmpost.sending.suppressed import Suppressed

NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def test_an_address_is_suppressed_and_shown(api) -> None:
    created = await api.post("/suppressions", json={"address": "No@Mail.Example", "note": "asked by phone"})
    assert created.status_code == 201
    body = created.json()
    assert body == {
        "address": "No@mail.example",
        "reason": "manual",
        "since": "2026-03-01T09:00:00Z",
        "note": "asked by phone",
    }
    assert (await api.get("/suppressions/no@mail.example")).json() == body
    assert (await api.get("/suppressions")).json() == {"items": [body], "next_cursor": None}


async def test_suppressing_again_changes_nothing(api, clock) -> None:
    first = await api.post("/suppressions", json={"address": "a@x.example", "note": "one"})
    clock.advance(60)
    again = await api.post("/suppressions", json={"address": "A@x.example", "note": "two"})
    assert (again.status_code, again.json()) == (201, first.json())


async def test_a_lifted_suppression_reads_as_gone_and_can_come_back(api, clock) -> None:
    await api.post("/suppressions", json={"address": "a@x.example"})
    assert (await api.delete("/suppressions/a@x.example")).status_code == 204
    assert problem(await api.get("/suppressions/a@x.example")) == (404, "suppression_not_found", None)
    assert problem(await api.delete("/suppressions/a@x.example")) == (404, "suppression_not_found", None)
    assert (await api.get("/suppressions")).json()["items"] == []
    clock.advance(60)
    back = await api.post("/suppressions", json={"address": "a@x.example", "note": "again"})
    assert back.json()["since"] == "2026-03-01T09:01:00Z"


async def test_workers_see_every_change_in_order(api, store) -> None:
    worker = Suppressed(store)
    await api.post("/suppressions", json={"address": "a@x.example"})
    await api.post("/suppressions", json={"address": "b@x.example"})
    assert set(await worker.among(["A@x.example", "b@x.example", "c@x.example"], "s.example", NOW)) == {
        "A@x.example", "b@x.example",
    }  # fmt: skip
    await api.delete("/suppressions/a@x.example")
    assert await worker.among(["a@x.example", "b@x.example"], "s.example", NOW) == {"b@x.example": "manual"}
    await api.post("/suppressions", json={"address": "a@x.example"})
    assert set(await worker.among(["a@x.example"], "s.example", NOW)) == {"a@x.example"}
    serials = [one.value.serial for one in await store.find(Suppression, "suppressions")]
    assert sorted(serials) == [2, 4]


async def test_many_at_once_suppress_an_address_once(api, store) -> None:
    answers = await asyncio.gather(
        *(api.post("/suppressions", json={"address": "a@x.example"}) for _ in range(8))
    )
    assert {one.status_code for one in answers} == {201}
    (stored,) = await store.find(Suppression, "suppressions")
    assert stored.value.hash == address_hash("a@x.example")


async def test_suppressions_are_listed_page_by_page_without_lifted_ones(api) -> None:
    for name in "abcdef":
        await api.post("/suppressions", json={"address": f"{name}@x.example"})
    await api.delete("/suppressions/c@x.example")
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/suppressions", params=query)).json()
        seen += [one["address"][0] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == ["a", "b", "d", "e", "f"]


async def test_what_cannot_be_suppressed_is_refused(api) -> None:
    bad = await api.post("/suppressions", json={"address": "nobody"})
    assert problem(bad) == (422, "invalid_address", "address")
    long = await api.post("/suppressions", json={"address": "a@x.example", "note": "x" * 501})
    assert problem(long) == (422, "invalid_field", "note")
