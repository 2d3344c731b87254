from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.problems import problem
from warmpost.actions.lists.manage_lists import create_list
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.model.writes import Update

CSV = {"Content-Type": "text/csv"}


async def test_a_list_is_created_renamed_and_deleted(api) -> None:
    created = await api.post("/lists", json={"name": "spring"})
    assert created.status_code == 201
    body = created.json()
    assert body == {
        "id": 1,
        "name": "spring",
        "count": 0,
        "variables": [],
        "created_at": "2026-03-01T09:00:00Z",
    }
    assert (await api.get("/lists/spring")).json() == body
    assert (await api.patch("/lists/1", json={"name": "summer"})).json()["name"] == "summer"
    assert problem(await api.get("/lists/spring")) == (404, "list_not_found", None)
    assert (await api.delete("/lists/summer")).status_code == 204
    assert problem(await api.get("/lists/1")) == (404, "list_not_found", None)
    assert (await api.post("/lists", json={"name": "summer"})).json()["id"] == 2


async def test_a_name_is_used_once(api, services) -> None:
    results = await asyncio.gather(*(create_list(services, "same") for _ in range(3)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["Conflict", "Conflict", "Stored"]
    await api.post("/lists", json={"name": "other"})
    assert problem(await api.patch("/lists/other", json={"name": "same"})) == (409, "name_taken", "name")


async def test_a_template_may_have_the_same_name_as_a_list(api) -> None:
    await api.post("/lists", json={"name": "spring"})
    created = await api.post("/templates", json={"name": "spring", "subject": "s", "text": "t"})
    assert created.status_code == 201


async def test_lists_are_listed_in_the_order_they_came(api) -> None:
    for number in range(11):
        await api.post("/lists", json={"name": f"l-{number}"})
    first = (await api.get("/lists?limit=9")).json()
    rest = (await api.get("/lists", params={"limit": 9, "cursor": first["next_cursor"]})).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == list(range(1, 12))
    assert rest["next_cursor"] is None
    assert problem(await api.get("/lists?cursor=x")) == (422, "invalid_cursor", "cursor")


async def test_recipients_come_as_json_under_either_name(api) -> None:
    await api.post("/lists", json={"name": "l"})
    rows: list[dict[str, Any]] = [
        {"to": "a@x.example", "data": {"name": "Ä", "n": 1, "deep": {"k": [True, None]}}},
        {"email": "B@X.example", "data": {"name": ""}},
        {"to": "c@x.example", "data": {"name": "C", "extra": "e"}},
        {"to": "nobody"},
        {"to": "b@x.example"},
    ]
    done = await api.post("/lists/l/recipients", json={"recipients": rows})
    assert done.status_code == 200
    assert done.json() == {
        "added": 3,
        "updated": 0,
        "duplicates": 1,
        "rejected": [
            {"line": 4, "email": "nobody", "reason": "the address has no @"},
            {"line": 5, "email": "b@x.example", "reason": "duplicate"},
        ],
        "count": 3,
        "columns": {},
    }
    assert (await api.get("/lists/l")).json()["variables"] == ["name"]
    assert (await api.get("/lists/l/recipients")).json() == {
        "items": [
            {"to": "a@x.example", "data": rows[0]["data"]},
            {"to": "B@x.example", "data": {"name": ""}},
            {"to": "c@x.example", "data": rows[2]["data"]},
        ],
        "next_cursor": None,
    }


async def test_recipients_come_as_csv(api) -> None:
    await api.post("/lists", json={"name": "l"})
    file = (
        "\ufeffName,EMAIL,Note\r\n"
        '"Müller, Jürgen",j@x.example,"two\r\nlines"\r\n'
        "\r\n"
        "山田,yamada@x.example,\r\n"
        "short,row@x.example\r\n"
        "Twice,J@X.example,x\r\n"
        "Bad,not an address,x\r\n"
    ).encode()
    done = (await api.post("/lists/l/recipients", content=file, headers=CSV)).json()
    assert done == {
        "added": 2,
        "updated": 0,
        "duplicates": 1,
        "rejected": [
            {"line": 6, "email": "row@x.example", "reason": "2 columns where the header has 3"},
            {"line": 7, "email": "J@x.example", "reason": "duplicate"},
            {
                "line": 8,
                "email": "not an address",
                "reason": "the address has no @",
            },
        ],
        "count": 2,
        "columns": {},
    }
    assert (await api.get("/lists/l")).json()["variables"] == ["Name", "Note"]
    assert (await api.get("/lists/l/recipients")).json()["items"] == [
        {"to": "j@x.example", "data": {"Name": "Müller, Jürgen", "Note": "two\r\nlines"}},
        {"to": "yamada@x.example", "data": {"Name": "山田", "Note": ""}},
    ]


@pytest.mark.parametrize(
    ("content", "type"),
    [
        ("email,name\nj@x.example,J³rgen\n".encode("latin-1"), "text/csv"),
        (b"email\na@x.example\n", "text/csv; charset=ebcdic"),
        (b"", "text/csv"),
        (b"name,city\nA,B\n", "text/csv"),
        (b"email,name,name\n", "text/csv"),
        (b"email,to\n", "text/csv"),
        (b'"email\na@x.example\n', "text/csv"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_and_leaves_nothing(api, store, content, type) -> None:
    await api.post("/lists", json={"name": "l"})
    refused = await api.post("/lists/l/recipients", content=content, headers={"Content-Type": type})
    assert problem(refused) == (422, "invalid_csv", None)
    assert await store.count("lists/1/pages") == 0
    assert (await store.get(RecipientList, "lists/1")).value.busy_until is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"recipients": ', (400, "invalid_json", None)),
        ('{"recipients": [{"data": {}}]}', (422, "missing_field", "recipients[0].to")),
        ('{"recipients": [{"to": "a@b.example"}, {"to": 1}]}', (422, "invalid_field", "recipients[1].to")),
        (
            '{"recipients": [{"to": "a@b.example", "email": "c"}]}',
            (422, "invalid_field", "recipients[0].email"),
        ),
        ('{"recipients": [{"to": "a@b.example", "x": 1}]}', (422, "unknown_field", "recipients[0].x")),
        (
            '{"recipients": [{"to": "a@b.example", "data": {"": 1}}]}',
            (422, "invalid_field", "recipients[0].data"),
        ),
        ('{"rows": []}', (422, "unknown_field", "rows")),
    ],
)
async def test_json_that_does_not_fit_is_refused(api, store, body: str, expected) -> None:
    await api.post("/lists", json={"name": "l"})
    refused = await api.post("/lists/l/recipients", content=body)
    assert problem(refused) == expected
    assert (await api.get("/lists/l")).json()["count"] == 0


async def test_a_list_that_does_not_exist_takes_nothing(api) -> None:
    refused = await api.post("/lists/none/recipients", json={"recipients": []})
    assert problem(refused) == (404, "list_not_found", None)


async def test_recipients_are_paged_across_pages_of_storage(api) -> None:
    await api.post("/lists", json={"name": "l"})
    file = "email\n" + "".join(f"r{n}@x.example\n" for n in range(1105))
    await api.post("/lists/l/recipients", content=file, headers=CSV)
    seen: list[str] = []
    query: dict[str, object] = {"limit": 85}
    while True:
        page = (await api.get("/lists/l/recipients", params=query)).json()
        assert 0 < len(page["items"]) <= 85
        seen += [one["to"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [f"r{n}@x.example" for n in range(1105)]
    for cursor in ("x", "1", "1.", "-1.0", "1.2.3", "٣.٣"):
        refused = await api.get("/lists/l/recipients", params={"cursor": cursor})
        assert problem(refused) == (422, "invalid_cursor", "cursor")
    assert (await api.get("/lists/l/recipients?cursor=99.0")).json() == {"items": [], "next_cursor": None}


async def test_one_recipient_is_found_and_removed(api) -> None:
    await api.post("/lists", json={"name": "l"})
    file = "email,n\n" + "".join(f"r{n}@x.example,{n}\n" for n in range(700))
    await api.post("/lists/l/recipients", content=file, headers=CSV)
    found = await api.get("/lists/l/recipients", params={"address": "R650@X.example"})
    assert found.json()["items"] == [{"to": "r650@x.example", "data": {"n": "650"}}]
    assert (await api.delete("/lists/l/recipients/r650@x.example")).status_code == 204
    assert (await api.delete("/lists/l/recipients/r3@x.example")).status_code == 204
    again = await api.delete("/lists/l/recipients/r650@x.example")
    assert problem(again) == (404, "recipient_not_found", None)
    assert (await api.get("/lists/l")).json()["count"] == 698
    gone = await api.get("/lists/l/recipients", params={"address": "r650@x.example"})
    assert gone.json()["items"] == []
    back = await api.post("/lists/l/recipients", json={"recipients": [{"to": "r3@x.example"}]})
    assert (back.json()["added"], back.json()["count"]) == (1, 699)


async def test_deleting_a_list_deletes_its_pages(api, store) -> None:
    await api.post("/lists", json={"name": "l"})
    file = "email\n" + "".join(f"r{n}@x.example\n" for n in range(1200))
    await api.post("/lists/l/recipients", content=file, headers=CSV)
    assert await store.count("lists/1/pages") == 3
    assert (await api.delete("/lists/l")).status_code == 204
    assert await store.count("lists/1/pages") == 0


async def test_an_import_into_a_busy_list_is_told_when_to_come_back(api, store, clock) -> None:
    await api.post("/lists", json={"name": "l"})
    until = clock.now() + timedelta(seconds=20)
    await store.commit(Update("lists/1", {"busy_until": until}))
    refused = await api.post("/lists/l/recipients", json={"recipients": [{"to": "a@x.example"}]})
    assert problem(refused) == (409, "list_is_busy", None)
    assert refused.headers["Retry-After"] == "20"
    clock.advance(21)
    done = await api.post("/lists/l/recipients", json={"recipients": [{"to": "a@x.example"}]})
    assert done.json()["added"] == 1
