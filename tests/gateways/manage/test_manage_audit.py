"""The audit trail, written by whatever changes something and shown newest first."""

import pytest

from warmpost.errors import Unavailable
from warmpost.rules.identity.domains import Domain


async def trail(api, **query):
    answered = await api.get("/audit", params=query)
    assert answered.status_code == 200, answered.text
    return answered.json()["items"]


async def test_who_made_changed_and_deleted_what_is_on_record(api, clock):
    made = (await api.post("/lists", json={"name": "readers"})).json()
    clock.advance(1)
    await api.patch(f"/lists/{made['id']}", json={"name": "all readers"})
    clock.advance(1)
    await api.delete(f"/lists/{made['id']}")
    deleted, changed, created = await trail(api)
    assert [one["action"] for one in (created, changed, deleted)] == [
        "POST /manage/lists",
        "PATCH /manage/lists/{reference}",
        "DELETE /manage/lists/{reference}",
    ]
    assert created["changes"] == {"name": {"to": "readers"}}
    assert changed["changes"] == {"name": {"from": "readers", "to": "all readers"}}
    assert deleted["changes"]["name"] == {"from": "all readers"}
    assert {one["key_id"] for one in (created, changed, deleted)} == {"first"}
    assert changed["path"] == f"/manage/lists/{made['id']}"


async def test_looking_and_failing_leave_no_trace(api):
    await api.get("/lists")
    await api.post("/lists", json={"name": ""})
    await api.delete("/lists/9")
    await api.post("/templates/preview", json={"subject": "x", "html": "x"})
    assert await trail(api) == []


async def test_nothing_secret_and_nothing_long_is_in_it(api):
    await api.post("/webhooks", json={"url": "https://crm.example.com/x"})
    await api.post("/keys", json={"name": "shop", "scopes": ["send"]})
    rows = [{"to": f"r{n}@example.net"} for n in range(300)]
    await api.post("/lists", json={"name": "readers"})
    await api.post("/lists/readers/recipients", json={"recipients": rows})
    await api.post("/templates", json={"name": "t", "subject": "s", "html": "x" * 5000})
    shown = await trail(api)
    text = str(shown)
    assert "whsec_" not in text and "wp_" not in text
    by_action = {one["action"]: one["changes"] for one in shown}
    assert by_action["POST /manage/templates"]["html"]["to"].endswith("… (5,000 characters)")
    assert by_action["POST /manage/lists/{reference}/recipients"]["recipients"] == {"to": "(300 of them)"}


async def test_it_is_searched_by_key_action_place_and_time(api, clock):
    key = (await api.post("/keys", json={"name": "ops", "scopes": ["manage"]})).json()
    mine = {"Authorization": f"Bearer {key['key']}"}
    clock.advance(10)
    middle = clock.now()
    await api.post("/lists", json={"name": "a"}, headers=mine)
    assert [one["action"] for one in await trail(api, key=key["id"])] == ["POST /manage/lists"]
    assert len(await trail(api, action="post /manage/keys")) == 1
    assert len(await trail(api, path="/manage/lists")) == 1
    assert len(await trail(api, since=middle.isoformat())) == 1
    assert len(await trail(api, until=middle.isoformat())) == 1
    for query in ({"since": "x"}, {"cursor": "../"}, {"limit": "0"}):
        assert (await api.get("/audit", params=query)).status_code == 422


async def test_it_comes_page_by_page(api, clock):
    for number in range(5):
        await api.post("/lists", json={"name": f"list {number}"})
        clock.advance(1)
    found, cursor = [], None
    while True:
        page = (await api.get("/audit", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        found += [one["changes"]["name"]["to"] for one in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert found == [f"list {number}" for number in (4, 3, 2, 1, 0)]


async def test_what_cannot_be_noted_is_done_all_the_same_and_said(api, services, monkeypatch, caplog):
    real = services.store.commit

    async def commit(*writes):
        if writes[0].path.startswith("audit/"):
            raise Unavailable("store_unavailable", "The store does not answer.")
        return await real(*writes)

    monkeypatch.setattr(services.store, "commit", commit)
    assert (await api.post("/lists", json={"name": "a"})).status_code == 201
    assert any("not in the audit trail" in record.message for record in caplog.records)


@pytest.mark.parametrize("scope", ["read", "send"])
async def test_only_who_may_manage_reads_it(api, scope):
    key = (await api.post("/keys", json={"name": "x", "scopes": [scope]})).json()
    answered = await api.get("/audit", headers={"Authorization": f"Bearer {key['key']}"})
    assert answered.status_code == 403


async def test_what_was_looked_at_before_a_change_is_not_remembered_after_it(api, services, verified):
    await verified("news.example.org")
    pool = {"name": "own", "relays": [{"host": "relay.example.org", "security": "none"}]}
    assert (await api.post("/pools", json=pool)).status_code == 201
    await services.cache.get(Domain, "domains/news.example.org")
    await api.patch("/domains/news.example.org", json={"pool": "own"})
    assert (await services.cache.get(Domain, "domains/news.example.org")).pool == "own"
