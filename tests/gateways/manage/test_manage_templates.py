from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from tests.problems import problem
from warmpost.actions.templates.manage_templates import Draft, create_template
from warmpost.errors import Conflict
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.lists.documents import Template
from warmpost.rules.model.writes import Put

HELLO = {
    "name": "welcome",
    "subject": "Hello {{ name }}",
    "html": "<p>Dear {{ name }}, {{ city | default('you') }}</p>",
    "text": "Dear {{ name }}",
}


async def test_a_template_is_created_and_found_by_id_and_by_name(api) -> None:
    created = await api.post("/templates", json=HELLO)
    assert created.status_code == 201
    body = created.json()
    assert body["id"] == 1
    assert body["version"] == 1
    assert body["variables"] == {"required": ["name"], "optional": ["city"]}
    assert {name: body[name] for name in HELLO} == HELLO
    assert (await api.get("/templates/1")).json() == body
    assert (await api.get("/templates/welcome")).json() == body


async def test_names_of_any_script_find_their_template(api) -> None:
    name = "Frühling & Co. — 春"
    await api.post("/templates", json={**HELLO, "name": name})
    assert (await api.get(f"/templates/{name}")).json()["name"] == name
    decomposed = "Fru\u0308hling & Co. — 春"
    assert (await api.get(f"/templates/{decomposed}")).json()["name"] == name


async def test_a_template_may_say_what_is_tracked(api) -> None:
    created = (await api.post("/templates", json={**HELLO, "track": {"opens": False}})).json()
    assert created["track"] == {"opens": False, "clicks": True}
    for wanted, shown in ((True, {"opens": True, "clicks": True}), (None, None)):
        changed = (await api.patch("/templates/1", json={"track": wanted})).json()
        assert changed["track"] == shown and changed["html"] == HELLO["html"]
    assert changed["version"] == 3
    first = (await api.get("/templates/1", params={"version": 1})).json()
    assert first["track"] == created["track"]


async def test_every_change_is_a_version_that_stays(api, clock) -> None:
    first = (await api.post("/templates", json=HELLO)).json()
    clock.advance(60)
    second = (await api.patch("/templates/1", json={"subject": "Hi {{ first }}"})).json()
    assert second["version"] == 2
    assert second["updated_at"] > first["updated_at"]
    assert second["created_at"] == first["created_at"]
    assert second["variables"]["required"] == ["first", "name"]
    assert (await api.get("/templates/1?version=1")).json() == first
    assert (await api.get("/templates/1?version=2")).json() == second
    assert (await api.get("/templates/1")).json() == second
    assert problem(await api.get("/templates/1?version=3")) == (404, "version_not_found", "version")
    assert problem(await api.get("/templates/1?version=x")) == (422, "invalid_field", "version")


async def test_the_same_content_again_is_no_new_version(api) -> None:
    await api.post("/templates", json=HELLO)
    assert (await api.patch("/templates/1", json=HELLO)).json()["version"] == 1


async def test_null_takes_a_body_away_but_not_the_last_one(api) -> None:
    await api.post("/templates", json=HELLO)
    changed = (await api.patch("/templates/1", json={"html": None})).json()
    assert (changed["html"], changed["text"]) == (None, "Dear {{ name }}")
    assert changed["variables"] == {"required": ["name"], "optional": []}
    refused = await api.patch("/templates/1", json={"text": None})
    assert problem(refused) == (422, "missing_field", "html")


async def test_a_renamed_template_gives_its_old_name_free(api) -> None:
    await api.post("/templates", json=HELLO)
    await api.post("/templates", json={**HELLO, "name": "other"})
    taken = await api.patch("/templates/1", json={"name": "other"})
    assert problem(taken) == (409, "name_taken", "name")
    assert (await api.patch("/templates/1", json={"name": "renamed"})).json()["name"] == "renamed"
    assert problem(await api.get("/templates/welcome")) == (404, "template_not_found", None)
    assert (await api.get("/templates/renamed")).json()["id"] == 1
    assert (await api.post("/templates", json=HELLO)).status_code == 201


async def test_a_name_is_used_once_even_by_two_at_the_same_time(api, services, store) -> None:
    draft = Draft("same", "s", "", "t")
    results = await asyncio.gather(
        *(create_template(services, draft) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["Conflict", "Conflict", "Stored"]
    assert {one.code for one in results if isinstance(one, Conflict)} == {"name_taken"}
    assert await store.count("templates") == 1


async def test_of_two_changes_at_once_none_is_lost_silently(api) -> None:
    await api.post("/templates", json=HELLO)
    both = await asyncio.gather(
        api.patch("/templates/1", json={"subject": "a"}), api.patch("/templates/1", json={"text": "b"})
    )
    codes = sorted(one.status_code for one in both)
    head = (await api.get("/templates/1")).json()
    assert codes in ([200, 200], [200, 409])
    assert head["version"] == 1 + codes.count(200)


async def test_a_deleted_template_is_gone_and_its_name_free(api, store) -> None:
    await api.post("/templates", json=HELLO)
    assert (await api.delete("/templates/welcome")).status_code == 204
    assert problem(await api.get("/templates/1")) == (404, "template_not_found", None)
    assert problem(await api.delete("/templates/1")) == (404, "template_not_found", None)
    assert (await store.get(Template, "templates/1/versions/1")).value.name == "welcome"
    assert (await api.post("/templates", json=HELLO)).json()["id"] == 2


async def test_templates_are_listed_in_the_order_they_came_without_bodies(api) -> None:
    for number in range(12):
        await api.post("/templates", json={**HELLO, "name": f"t-{number}"})
    first = (await api.get("/templates?limit=10")).json()
    assert [one["id"] for one in first["items"]] == list(range(1, 11))
    assert set(first["items"][0]) == {
        "id", "name", "subject", "variables", "version", "created_at", "updated_at",
    }  # fmt: skip
    rest = (await api.get("/templates", params={"cursor": first["next_cursor"]})).json()
    assert [one["id"] for one in rest["items"]] == [11, 12]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"subject": "{{ oops"}, (422, "template_syntax", "subject")),
        ({"html": "{% for x in %}"}, (422, "template_syntax", "html")),
        ({"text": "{% endif %}"}, (422, "template_syntax", "text")),
        ({"subject": "a\r\nBcc: x@y.example"}, (422, "invalid_subject", "subject")),
        ({"subject": "ü" * 500}, (422, "invalid_subject", "subject")),
        ({"subject": " "}, (422, "invalid_subject", "subject")),
        ({"html": "ü" * 250_001}, (422, "template_too_large", "html")),
        ({"html": None, "text": None}, (422, "missing_field", "html")),
        ({"html": "", "text": ""}, (422, "missing_field", "html")),
        ({"name": ""}, (422, "invalid_name", "name")),
        ({"name": "x" * 101}, (422, "invalid_name", "name")),
        ({"name": "a\nb"}, (422, "invalid_name", "name")),
        ({"name": "2026"}, (422, "invalid_name", "name")),
        ({"name": None}, (422, "invalid_field", "name")),
        ({"body": "x"}, (422, "unknown_field", "body")),
    ],
)
async def test_a_template_that_cannot_work_is_refused_and_leaves_nothing(
    api, store, change, expected
) -> None:
    assert problem(await api.post("/templates", json={**HELLO, **change})) == expected
    assert await store.count("templates") == 0
    assert await store.count("names") == 0


async def test_the_largest_template_is_stored(api) -> None:
    half = "x" * 250_000
    created = await api.post("/templates", json={**HELLO, "html": half, "text": half})
    assert created.status_code == 201
    assert (await api.patch("/templates/1", json={"html": "y" * 250_000})).json()["version"] == 2


async def test_a_preview_shows_what_a_recipient_would_read(api) -> None:
    await api.post("/templates", json=HELLO)
    await api.patch("/templates/1", json={"subject": "Hi {{ name }}"})
    shown = await api.post("/templates/welcome/preview", json={"data": {"name": "Ann & <Bob>"}})
    assert shown.json() == {
        "subject": "Hi Ann & <Bob>",
        "html": "<p>Dear Ann &amp; &lt;Bob&gt;, you</p>",
        "text": "Dear Ann & <Bob>",
    }
    earlier = await api.post("/templates/welcome/preview", json={"data": {"name": "Ann"}, "version": 1})
    assert earlier.json()["subject"] == "Hello Ann"


async def test_a_preview_shows_a_line_break_in_a_subject_as_the_space_it_will_be(api) -> None:
    await api.post(
        "/templates", json={"name": "greeting", "subject": "Hello {{ name }}", "text": "x{{ more }}"}
    )
    for name, subject in (
        ("Ann\n", "Hello Ann"),
        ("Bob\r\nMiller", "Hello Bob Miller"),
        ("a\0b", "Hello a b"),
    ):
        shown = await api.post("/templates/greeting/preview", json={"data": {"name": name, "more": ""}})
        assert shown.json()["subject"] == subject


async def test_a_preview_refuses_what_could_not_be_sent(api) -> None:
    await api.post(
        "/templates", json={"name": "greeting", "subject": "Hello {{ name }}", "text": "x{{ more }}"}
    )
    for data, said in (
        ({"name": "", "more": "a\0b"}, ("invalid_content", "data")),
        ({"name": "x" * 999, "more": ""}, ("subject_too_long", "subject")),
    ):
        refused = await api.post("/templates/greeting/preview", json={"data": data})
        assert problem(refused) == (422, *said)


async def test_a_template_holds_no_nul(api) -> None:
    for field in ("html", "text"):
        refused = await api.post("/templates", json={"name": "n", "subject": "s", field: "a\0b"})
        assert problem(refused) == (422, "template_syntax", field)


async def test_a_preview_names_the_variables_it_misses(api) -> None:
    await api.post("/templates", json={**HELLO, "text": "{{ age }}"})
    refused = await api.post("/templates/1/preview", json={"data": {"city": "x"}})
    assert problem(refused) == (422, "missing_variable", "data.age")
    assert "age, name" in refused.json()["error"]["message"]
    for body in ('{"version": 0}', '{"version": -1}', '{"data": []}'):
        assert problem(await api.post("/templates/1/preview", content=body))[:2] == (422, "invalid_field")


@pytest.mark.parametrize("name", ["7", "0", "none", "9" * 40, "%00", "x" * 300, "a%2Fb", "__x__", "٣"])
async def test_an_unknown_template_is_not_found(api, name: str) -> None:
    assert problem(await api.get(f"/templates/{name}"))[0] == 404


class TestVersions:
    async def test_they_are_listed_newest_first_with_their_sizes(self, api) -> None:
        await api.post("/templates", json=HELLO)
        for number in range(4):
            await api.patch("/templates/1", json={"text": "x" * number + "y"})
        page = (await api.get("/templates/1/versions?limit=2")).json()
        assert [one["version"] for one in page["items"]] == [5, 4]
        assert page["items"][0]["size"] == len(HELLO["subject"] + HELLO["html"]) + 4
        rest = (await api.get(f"/templates/1/versions?cursor={page['next_cursor']}")).json()
        assert [one["version"] for one in rest["items"]] == [3, 2, 1]
        assert rest["next_cursor"] is None
        assert problem(await api.get("/templates/9/versions")) == (404, "template_not_found", None)
        assert problem(await api.get("/templates/1/versions?cursor=x"))[1] == "invalid_cursor"

    async def test_an_earlier_one_comes_back_as_a_new_one(self, api) -> None:
        first = (await api.post("/templates", json=HELLO)).json()
        await api.patch("/templates/1", json={"name": "greeting", "html": None, "text": "Short"})
        back = (await api.post("/templates/1/restore", json={"version": 1})).json()
        assert (back["version"], back["name"], back["html"]) == (3, "greeting", first["html"])
        assert problem(await api.post("/templates/1/restore", json={"version": 9}))[1] == "version_not_found"

    async def test_a_change_made_for_another_version_is_refused(self, api) -> None:
        created = await api.post("/templates", json=HELLO)
        seen = created.headers["etag"]
        assert seen == '"1"'
        changed = await api.patch("/templates/1", json={"text": "One"}, headers={"If-Match": seen})
        assert changed.headers["etag"] == '"2"'
        for ask in (
            api.patch("/templates/1", json={"text": "Two"}, headers={"If-Match": seen}),
            api.post("/templates/1/restore", json={"version": 1}, headers={"If-Match": seen}),
            api.delete("/templates/1", headers={"If-Match": seen}),
        ):
            assert problem(await ask) == (412, "version_outdated", "If-Match")
        assert (await api.get("/templates/1")).json()["text"] == "One"
        assert (await api.delete("/templates/1", headers={"If-Match": "*"})).status_code == 204

    async def test_a_tag_that_is_no_version_is_refused_by_name(self, api) -> None:
        await api.post("/templates", json=HELLO)
        answered = await api.patch("/templates/1", json={"text": "x"}, headers={"If-Match": '"abc"'})
        assert problem(answered) == (422, "invalid_field", "If-Match")

    async def test_it_says_what_uses_it(self, api, services) -> None:
        await api.post("/templates", json=HELLO)
        fields = {"template": "1", "status": BatchStatus.SENDING}
        await services.store.commit(
            Put("batches/7", a_batch(**fields)), Put("batches/8", a_batch(template="1"))
        )
        assert (await api.get("/templates/1")).json()["used_by"] == {"schedules": [], "batches": [7]}


def a_batch(**fields):
    plain = {
        "name": "",
        "status": BatchStatus.DONE,
        "domain": "news.example.com",
        "sender": "news@news.example.com",
        "message_content": b"",
        "parts": 0,
        "list_id": "",
        "list_pages": 0,
        "total": 0,
        "planned": 0,
        "chunks": 0,
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "key_id": "first",
    }
    return Batch(**(plain | fields))
