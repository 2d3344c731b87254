"""Files as programs send them, and people on a list whose variables change."""

from __future__ import annotations

import gzip

import pytest

from tests.problems import problem

FILE = b"email,name\nann@x.example,Ann\n"
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="r.csv"\r\nContent-Type: text/csv\r\n\r\n'
    + FILE
    + b"\r\n--b--\r\n"
)


@pytest.fixture
async def into(api):
    await api.post("/lists", json={"name": "l"})

    async def into(content: bytes, query: str = "", **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await api.post(f"/lists/l/recipients{query}", content=content, headers=named)

    return into


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (FILE, {"Content_Type": "text/csv"}),
        (FILE, {"Content_Type": "TEXT/CSV; charset=UTF-8; header=present"}),
        (FILE, {"Content_Type": "text/plain"}),
        (FILE, {"Content_Type": "application/vnd.ms-excel"}),
        (FILE, {"Content_Type": "application/x-www-form-urlencoded"}),
        (FILE, {"Content_Type": "application/octet-stream"}),
        (FILE, {}),
        (FORM, {"Content_Type": "multipart/form-data; boundary=b"}),
        (FORM, {"Content_Type": 'multipart/form-data; boundary="b"'}),
        (gzip.compress(FILE, mtime=0), {"Content_Type": "text/csv", "Content_Encoding": "gzip"}),
        (gzip.compress(FILE, mtime=0), {"Content_Type": "text/csv"}),
        (gzip.compress(FILE, mtime=0), {"Content_Type": "application/gzip"}),
        (FILE.replace(b",", b"\t").decode().encode("utf-16"), {"Content_Type": "text/tab-separated-values"}),
    ],
)
async def test_a_file_is_taken_under_any_type_that_programs_give_it(into, content, headers):
    taken = await into(content, **headers)
    assert (taken.status_code, taken.json()["added"]) == (200, 1)


async def test_json_is_taken_as_json_whatever_its_type_says(into):
    body = b'\xef\xbb\xbf{"recipients": [{"to": "ann@x.example"}]}'
    for number, kind in enumerate(("application/json", "application/x-www-form-urlencoded", "text/plain")):
        taken = await into(body.replace(b"ann", b"ann%d" % number), Content_Type=kind)
        assert taken.json()["added"] == 1


async def test_what_is_known_of_a_file_can_be_said(into):
    body = "Mail der Person;Ort\nann@x.example;Łódź\n".encode("cp1250")
    assert problem(await into(body, Content_Type="text/csv"))[1] == "invalid_csv"
    said = "?encoding=windows-1250&delimiter=;&address_column=Mail der Person"
    assert (await into(body, said, Content_Type="text/csv")).json()["added"] == 1


async def test_the_answer_says_what_columns_are_called_and_errors_which_there_are(into, api):
    taken = await into(b"Email Address,First Name\nann@x.example,Ann\n", Content_Type="text/csv")
    assert taken.json()["columns"] == {"First Name": "first_name"}
    assert (await api.get("/lists/l")).json()["variables"] == ["first_name"]
    refused = await into(b"Name;Ort\nA;B\n", Content_Type="text/csv")
    assert "there are 'Name', 'Ort'" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (gzip.compress(FILE, mtime=0)[:-9], {"Content_Encoding": "gzip"}, (400, "invalid_gzip", None)),
        (
            gzip.compress(bytes(40_000_000), mtime=0),
            {"Content_Encoding": "gzip"},
            (413, "request_too_large", None),
        ),
        (FILE, {"Content_Encoding": "br"}, (415, "unsupported_encoding", "Content-Encoding")),
        (FORM, {"Content_Type": "multipart/form-data"}, (422, "invalid_csv", None)),
        (b"--b--\r\n", {"Content_Type": "multipart/form-data; boundary=b"}, (422, "invalid_csv", None)),
    ],
)
async def test_what_cannot_be_unpacked_is_refused(into, content, headers, expected):
    assert problem(await into(content, **headers)) == expected


async def test_a_file_that_is_imported_again_changes_who_is_there_where_that_is_wanted(into, api):
    await into(b"email,name,city\nann@x.example,Ann,Rome\nbob@x.example,Bob,Oslo\n")
    again = b"email,name,plan\nann@x.example,Anna,gold\nbob@x.example,Bob,\nnew@x.example,New,\nnew@x.example,New,\n"
    done = (await into(again, "?update=true")).json()
    assert (done["added"], done["updated"], done["duplicates"], done["count"]) == (1, 2, 1, 3)
    listed = {one["to"]: one["data"] for one in (await api.get("/lists/l/recipients")).json()["items"]}
    assert listed["ann@x.example"] == {"name": "Anna", "city": "Rome", "plan": "gold"}
    assert listed["bob@x.example"] == {"name": "Bob", "city": "Oslo", "plan": ""}
    assert problem(await into(again, "?update=maybe")) == (422, "invalid_update", "update")


async def test_one_recipient_can_be_changed(into, api):
    await into(b"email,name,city\nann@x.example,Ann,Rome\n")
    changed = await api.patch(
        "/lists/l/recipients/ANN@x.example", json={"data": {"First Name": "Anna", "city": None}}
    )
    assert changed.json() == {"to": "ann@x.example", "data": {"name": "Ann", "first_name": "Anna"}}
    assert (await api.get("/lists/l")).json()["variables"] == ["name"]
    missing = await api.patch("/lists/l/recipients/no@x.example", json={"data": {}})
    assert problem(missing) == (404, "recipient_not_found", None)
    large = await api.patch("/lists/l/recipients/ann@x.example", json={"data": {"a": "x" * 9000}})
    assert problem(large) == (413, "request_too_large", "data")


async def test_a_whole_domain_is_not_suppressed_as_if_it_were_an_address(api):
    refused = await api.post("/suppressions", json={"address": "*@x.example"})
    assert problem(refused) == (422, "invalid_address", "address")
    assert "whole domain" in refused.json()["error"]["message"]


async def test_exported_suppressions_run_in_no_spreadsheet_and_can_be_imported(api):
    await api.post("/suppressions", json={"address": "=1+1|x@x.example", "note": "=2+2"})
    exported = (await api.get("/suppressions?format=csv")).content
    assert not [line for line in exported.splitlines() if line.startswith(b"=") or b",=" in line]
    await api.delete("/suppressions/=1+1|x@x.example")
    done = await api.post("/suppressions", content=exported, headers={"Content-Type": "text/csv"})
    assert (done.json()["added"] + done.json()["changed"], done.json()["rejected"]) == (1, [])
    assert (await api.get("/suppressions/=1+1|x@x.example")).json()["note"] == "=2+2"


async def test_a_list_is_exported_as_a_file_that_imports_again(api):
    await api.post("/lists", json={"name": "readers"})
    rows = [
        {"to": f"r{n}@example.net", "data": {"name": f'=N"{n}', "age": n, "tags": ["a"]}} for n in range(1200)
    ]
    await api.post("/lists/readers/recipients", json={"recipients": rows})
    file = await api.get("/lists/readers/recipients?format=csv")
    assert file.headers["content-type"].startswith("text/csv")
    lines = file.text.splitlines()
    assert lines[0] == "email,name,age,tags"
    assert len(lines) == 1201
    assert "\n=" not in file.text and ",=" not in file.text
    await api.post("/lists", json={"name": "copy"})
    again = await api.post(
        "/lists/copy/recipients", content=file.content, headers={"Content-Type": "text/csv"}
    )
    assert again.json()["added"] == 1200


async def test_a_list_says_who_is_suppressed(api):
    await api.post("/lists", json={"name": "readers"})
    rows = [{"to": f"r{n}@example.net"} for n in range(3)]
    await api.post("/lists/readers/recipients", json={"recipients": rows})
    await api.post("/suppressions", json={"address": "r1@example.net", "reason": "complaint"})
    shown = (await api.get("/lists/readers/recipients?suppressed=all")).json()["items"]
    assert [one["suppressed"] for one in shown] == [None, "complaint", None]
    only = (await api.get("/lists/readers/recipients?suppressed=true")).json()["items"]
    assert [one["to"] for one in only] == ["r1@example.net"]
    rest = await api.get("/lists/readers/recipients?suppressed=false&format=csv")
    assert rest.text.split() == ["email", "r0@example.net", "r2@example.net"]
    assert "suppressed" not in (await api.get("/lists/readers/recipients")).json()["items"][0]
    assert (await api.get("/lists/readers/recipients?suppressed=x")).status_code == 422
