from __future__ import annotations

import hashlib

import httpx
import pytest

from tests.problems import problem
from warmpost.rules.model.documents import ApiKey


def with_key(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def make(api: httpx.AsyncClient, *scopes: str) -> dict[str, str]:
    created = await api.post("/keys", json={"name": "ci", "scopes": list(scopes)})
    assert created.status_code == 201
    return with_key(created.json()["key"])


async def test_a_key_is_shown_once_and_kept_as_a_digest(api, store) -> None:
    body = (await api.post("/keys", json={"name": "ci", "scopes": ["send", "read", "send"]})).json()
    kind, id, secret = body["key"].split("_")
    assert (kind, id, body["scopes"]) == ("wp", body["id"], ["send", "read"])
    stored = (await store.get(ApiKey, f"keys/{id}")).value
    assert stored.digest == hashlib.sha256(secret.encode()).hexdigest()
    seen = [await api.get("/keys"), await api.get(f"/keys/{id}")]
    assert all(secret not in one.text and stored.digest not in one.text for one in seen)
    assert seen[0].json()["items"] == [seen[1].json()]
    assert seen[1].json()["revoked_at"] is None


async def test_scopes_decide_what_a_key_may_do(api) -> None:
    manage, read, send = await make(api, "manage"), await make(api, "read"), await make(api, "send")
    assert (await api.get("/domains", headers=manage)).status_code == 200
    assert (await api.get("/domains", headers=read)).status_code == 200
    assert problem(await api.get("/domains", headers=send))[:2] == (403, "missing_scope")
    for headers in (read, send):
        for refused in (
            await api.post("/domains", json={"domain": "a.example"}, headers=headers),
            await api.delete("/domains/a.example", headers=headers),
            await api.get("/keys", headers=headers),
            await api.get("/keys/", headers=headers),
            await api.get("/keys/abc", headers=headers),
            await api.post("/keys", json={"name": "x", "scopes": ["manage"]}, headers=headers),
        ):
            assert problem(refused)[:2] == (403, "missing_scope")
    assert (await api.get("/keys", headers=manage)).status_code == 200


async def test_a_revoked_key_ends_at_once(api, clock) -> None:
    created = (await api.post("/keys", json={"name": "old", "scopes": ["read"]})).json()
    headers = with_key(created["key"])
    assert (await api.get("/domains", headers=headers)).status_code == 200
    assert (await api.delete(f"/keys/{created['id']}")).status_code == 204
    assert problem(await api.get("/domains", headers=headers))[:2] == (401, "wrong_key")
    first = (await api.get(f"/keys/{created['id']}")).json()["revoked_at"]
    clock.advance(60)
    assert (await api.delete(f"/keys/{created['id']}")).status_code == 204
    assert (await api.get(f"/keys/{created['id']}")).json()["revoked_at"] == first


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer ", "Bearer nonsense", "Bearer wp_abc_def", "Basic x"])
async def test_without_a_good_key_nothing_is_told(api, key: str) -> None:
    for path in ("/domains", "/nothing", "/keys"):
        refused = await api.get(path, headers={"Authorization": key})
        assert problem(refused)[0] == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["admin"]}, "scopes[0]"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": ["read"], "id": "mine"}, "id"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(api, body, field: str) -> None:
    status, _, named = problem(await api.post("/keys", json=body))
    assert (status, named) == (422, field)


@pytest.mark.parametrize("id", ["none", "first", "a%2Fb", "ü", "%00"])
async def test_an_unknown_key_is_not_found(api, id: str) -> None:
    assert problem(await api.delete(f"/keys/{id}"))[0] == 404


async def test_unknown_places_and_methods_say_so(api) -> None:
    assert problem(await api.get("/nothing")) == (404, "not_found", None)
    assert problem(await api.put("/domains", json={})) == (405, "method_not_allowed", None)
    assert (await api.get("/domains/")).status_code == 200


async def test_a_key_can_be_bound_to_domains_and_to_a_time(api) -> None:
    await api.post("/domains", json={"domain": "a.example"})
    wanted = {
        "name": "shop",
        "scopes": ["send"],
        "domains": ["A.example"],
        "expires_at": "2030-01-01T00:00:00Z",
    }
    made = (await api.post("/keys", json=wanted)).json()
    shown = (await api.get(f"/keys/{made['id']}")).json()
    assert (shown["domains"], shown["expires_at"], shown["last_used_at"]) == (
        ["a.example"],
        "2030-01-01T00:00:00Z",
        None,
    )
    missing = await api.post("/keys", json=wanted | {"domains": ["none.example"]})
    assert problem(missing) == (404, "domain_not_found", "domains[0]")
    past = await api.post("/keys", json=wanted | {"expires_at": "2001-01-01T00:00:00Z"})
    assert problem(past) == (422, "invalid_expires_at", "expires_at")
