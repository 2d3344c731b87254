from __future__ import annotations

import pytest

from tests.problems import problem

RELAY = {"host": "smtp.relay.example"}
FULL = {
    "name": "main",
    "host": "smtp.relay.example",
    "port": 2587,
    "security": "starttls",
    "verify": False,
    "username": "apikey",
    "password_secret": "RELAY_PASSWORD",
    "weight": 3,
    "max_connections": 20,
    "reports": "events",
    "final": True,
    "transport": "dedicated1",
}


async def test_a_pool_is_created_shown_changed_and_deleted(api) -> None:
    created = await api.post("/pools", json={"name": "fast", "relays": [FULL]})
    assert created.status_code == 201
    body = created.json()
    assert (body["name"], body["relays"], body["domains"]) == ("fast", [FULL], 0)
    assert (await api.get("/pools/fast")).json() == body
    assert (await api.get("/pools")).json()["items"] == [body]
    changed = await api.patch("/pools/fast", json={"relays": [RELAY, FULL]})
    assert [one["name"] for one in changed.json()["relays"]] == ["smtp.relay.example", "main"]
    assert (await api.delete("/pools/fast")).status_code == 204
    assert problem(await api.get("/pools/fast")) == (404, "pool_not_found", None)


async def test_a_relay_needs_a_host_only(api) -> None:
    relays = [
        RELAY,
        {"host": "Smtp.Other.Example", "security": "tls"},
        {"host": "10.0.0.8"},
        {"host": "inbox"},
    ]
    created = (await api.post("/pools", json={"name": "shared", "relays": relays})).json()
    assert [(one["name"], one["host"], one["port"]) for one in created["relays"]] == [
        ("smtp.relay.example", "smtp.relay.example", 587),
        ("Smtp.Other.Example", "smtp.other.example", 465),
        ("10.0.0.8", "10.0.0.8", 587),
        ("inbox", "inbox", 587),
    ]
    assert created["relays"][0]["security"] == "starttls"
    assert created["relays"][0]["verify"] is True


@pytest.mark.parametrize(
    ("relay", "code", "field"),
    [
        ({"port": 0}, "invalid_field", "port"),
        ({"port": 65536}, "invalid_field", "port"),
        ({"port": "25"}, "invalid_field", "port"),
        ({"security": "ssl"}, "invalid_field", "security"),
        ({"weight": 0}, "invalid_field", "weight"),
        ({"max_connections": 0}, "invalid_field", "max_connections"),
        ({"reports": "all"}, "invalid_field", "reports"),
        ({"host": ""}, "invalid_field", "host"),
        ({"host": "a b"}, "invalid_field", "host"),
        ({"transport": "a\r\nBcc: x"}, "invalid_field", "transport"),
        ({"host": "x.example:25"}, "invalid_field", "host"),
        ({"username": "a\r\nb", "password_secret": "P"}, "invalid_field", "username"),
        ({"username": "a"}, "invalid_field", "password_secret"),
        ({"password_secret": "P"}, "invalid_field", "username"),
        ({"username": "a", "password_secret": "hunter2!"}, "invalid_field", "password_secret"),
        ({"username": "a", "password_secret": "WARMPOST_MASTER_KEY"}, "invalid_field", "password_secret"),
        ({"username": "a", "password_secret": "warmpost_api_key"}, "invalid_field", "password_secret"),
        ({"password": "hunter2"}, "unknown_field", "password"),
        ({"name": "x" * 101}, "invalid_field", "name"),
        ({"name": "one"}, "invalid_field", "name"),
    ],
)
async def test_a_relay_that_cannot_work_is_refused_with_its_place(api, relay, code: str, field: str) -> None:
    relays = [{**RELAY, "name": "one"}, {**RELAY, **relay}]
    refused = await api.post("/pools", json={"name": "fast", "relays": relays})
    assert problem(refused) == (422, code, f"relays[1].{field}")
    assert (await api.get("/pools")).json()["items"] == []


@pytest.mark.parametrize("name", ["", "Fast", "a/b", ".", "..", "-a", "x" * 64, "__a__", "a b", "ü"])
async def test_a_pools_name_is_fit_to_be_its_id(api, name: str) -> None:
    refused = await api.post("/pools", json={"name": name, "relays": [RELAY]})
    assert problem(refused) == (422, "invalid_name", "name")


async def test_a_pool_has_relays_and_a_name_of_its_own(api, clock) -> None:
    assert problem(await api.post("/pools", json={"name": "a", "relays": []})) == (
        422, "invalid_field", "relays",
    )  # fmt: skip
    await api.post("/pools", json={"name": "a", "relays": [RELAY]})
    clock.advance(1)
    again = await api.post("/pools", json={"name": "a", "relays": [RELAY]})
    assert problem(again) == (409, "pool_exists", "name")
