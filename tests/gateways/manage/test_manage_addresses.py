from __future__ import annotations

import asyncio

import pytest

from tests.problems import problem
from warmpost.actions.identity.manage_addresses import create_address
from warmpost.rules.identity.domains import Domain


async def test_an_address_of_a_verified_domain_is_created(api, verified, store) -> None:
    await verified("shop.example")
    created = await api.post("/addresses", json={"address": "Hello@Shop.Example", "name": " Jürgen’s Shop "})
    assert created.status_code == 201
    body = created.json()
    assert {name: body[name] for name in ("address", "name", "domain")} == {
        "address": "Hello@shop.example",
        "name": "Jürgen’s Shop",
        "domain": "shop.example",
    }
    assert (await api.get("/addresses/hello@SHOP.example")).json() == body
    assert (await api.get("/addresses")).json() == {"items": [body], "next_cursor": None}
    assert (await store.get(Domain, "domains/shop.example")).value.addresses == 1


async def test_only_verified_domains_of_ours_have_addresses(api) -> None:
    await api.post("/domains", json={"domain": "new.example"})
    pending = await api.post("/addresses", json={"address": "a@new.example"})
    assert problem(pending) == (409, "domain_not_verified", "address")
    unknown = await api.post("/addresses", json={"address": "a@other.example"})
    assert problem(unknown) == (404, "domain_not_found", "address")


async def test_an_address_exists_once_whatever_its_case(api, verified) -> None:
    await verified("once.example")
    await api.post("/addresses", json={"address": "a@once.example"})
    again = await api.post("/addresses", json={"address": "A@once.example"})
    assert problem(again) == (409, "address_exists", "address")


async def test_of_many_who_create_an_address_at_once_one_does_and_the_count_is_right(
    services, verified, store
) -> None:
    await verified("race.example")
    results = await asyncio.gather(
        *(create_address(services, "a@race.example", str(n)) for n in range(5)), return_exceptions=True
    )
    assert [type(one).__name__ for one in results].count("Conflict") == 4
    assert (await store.get(Domain, "domains/race.example")).value.addresses == 1


async def test_an_address_is_renamed_and_deleted(api, verified) -> None:
    await verified("name.example")
    await api.post("/addresses", json={"address": "a@name.example"})
    assert (await api.patch("/addresses/a@name.example", json={"name": "News"})).json()["name"] == "News"
    assert (await api.delete("/addresses/a@name.example")).status_code == 204
    assert problem(await api.get("/addresses/a@name.example")) == (404, "address_not_found", None)
    assert problem(await api.delete("/addresses/a@name.example")) == (404, "address_not_found", None)


@pytest.mark.parametrize("name", ["a\r\nBcc: x@y.example", "x" * 101, "a\u2028b", "\x00"])
async def test_a_name_that_could_break_a_header_is_refused(api, verified, name: str) -> None:
    await verified("header.example")
    refused = await api.post("/addresses", json={"address": "a@header.example", "name": name})
    assert problem(refused) == (422, "invalid_name", "name")


@pytest.mark.parametrize(
    "address", ["", "a", "a@", "@b.example", "a b@c.example", "a\n@b.example", "x" * 300]
)
async def test_what_is_no_address_is_refused(api, address: str) -> None:
    assert problem(await api.post("/addresses", json={"address": address})) == (
        422,
        "invalid_address",
        "address",
    )


@pytest.mark.parametrize("address", ["a@%E2%82%AC", "nobody", "a@b@c", "%00@x.example", "'@none.example"])
async def test_an_unknown_address_is_not_found(api, address: str) -> None:
    assert problem(await api.get(f"/addresses/{address}")) == (404, "address_not_found", None)


async def test_an_address_has_an_smtp_password_that_nobody_is_shown(api, verified, store) -> None:
    await verified("pw.example")
    await api.post("/addresses", json={"address": "a@pw.example"})
    path = "/addresses/a@pw.example/smtp-password"
    told = await api.put(path, json={"password": "abcde12345"})
    assert told.status_code == 200 and told.json()["smtp_password"] is True
    assert "abcde12345" not in told.text and "scrypt" not in told.text
    assert (await api.delete(path)).status_code == 204
    assert (await api.get("/addresses/a@pw.example")).json()["smtp_password"] is False
    unknown = await api.put("/addresses/b@pw.example/smtp-password", json={"password": "abcde12345"})
    assert problem(unknown) == (404, "address_not_found", None)


@pytest.mark.parametrize(
    "password",
    ["", "abc123", "a1" * 11, "abcdefghij", "1234567890", "abcde 12345", "abcde1234é", "abcde_12345"],
)
async def test_an_smtp_password_is_10_to_20_letters_and_digits(api, verified, password) -> None:
    await verified("pw2.example")
    await api.post("/addresses", json={"address": "a@pw2.example"})
    refused = await api.put("/addresses/a@pw2.example/smtp-password", json={"password": password})
    assert problem(refused) == (422, "invalid_password", "password")
