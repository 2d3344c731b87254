from __future__ import annotations

import asyncio

import dkim
import httpx
import pytest

from tests.problems import problem
from warmpost.actions.identity import manage_domains
from warmpost.adapters.dns import DnsResolver
from warmpost.adapters.message.encryption import Encryption
from warmpost.rules.identity.domains import Domain


async def test_a_domain_is_created_with_the_records_it_needs(api: httpx.AsyncClient) -> None:
    created = await api.post("/domains", json={"domain": "News.Example"})
    assert created.status_code == 201
    body = created.json()
    assert (body["domain"], body["status"], body["verified_at"]) == ("news.example", "pending", None)
    records = {one["purpose"]: one for one in body["records"]}
    assert set(records) == {"ownership", "dkim", "spf", "dmarc"}
    assert {one["type"] for one in records.values()} == {"TXT"}
    assert {one["status"] for one in records.values()} == {"unchecked"}
    assert records["ownership"]["name"] == "_warmpost.news.example"
    assert records["ownership"]["expected"].startswith("warmpost-verify=")
    assert records["dkim"]["name"].endswith("._domainkey.news.example")
    assert records["spf"]["name"] == "news.example"
    assert (records["dmarc"]["name"], records["dmarc"]["expected"]) == (
        "_dmarc.news.example",
        "v=DMARC1; p=none",
    )
    assert body.items() <= (await api.get("/domains/news.example")).json().items()


async def test_the_private_key_is_sealed_and_fits_the_published_one(api, store) -> None:
    body = (await api.post("/domains", json={"domain": "a.example", "dkim": {"ed25519": True}})).json()
    published = [one for one in body["records"] if one["purpose"] == "dkim"]
    keys = (await store.get(Domain, "domains/a.example")).value.keys
    assert [key.algorithm for key in keys] == ["rsa-sha256", "ed25519-sha256"]
    assert "v=DKIM1; k=ed25519; p=" in published[1]["expected"]
    private = Encryption(bytes(32)).decrypt(keys[0].sealed, f"dkim:a.example:{keys[0].selector}")
    assert b"PRIVATE" not in keys[0].sealed
    message = b"From: a@a.example\r\nSubject: x\r\n\r\nhello\r\n"
    signed = dkim.sign(message, keys[0].selector.encode(), b"a.example", private) + message
    txt = published[0]["expected"].encode()
    assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: txt)
    assert "PRIVATE" not in str(body)
    assert not {"keys", "sealed"} & set(body)


async def test_a_domain_with_all_records_right_is_verified(api, publish, clock) -> None:
    body = (await api.post("/domains", json={"domain": "good.example"})).json()
    first = (await api.post("/domains/good.example/verify")).json()
    assert first["status"] == "pending"
    assert {one["status"] for one in first["records"]} == {"missing"}
    for record in body["records"]:
        publish(record["name"], record["expected"])
    second = (await api.post("/domains/good.example/verify")).json()
    assert second["status"] == "verified"
    assert all(one["status"] == "ok" and one["found"] == [one["expected"]] for one in second["records"])
    assert second["verified_at"] == clock.now().isoformat().replace("+00:00", "Z")
    assert second.items() <= (await api.get("/domains/good.example")).json().items()


async def test_verification_says_what_is_wrong_with_each_record(api, publish) -> None:
    await api.post("/domains", json={"domain": "bad.example"})
    body = (await api.get("/domains/bad.example")).json()
    names = {one["purpose"]: one["name"] for one in body["records"]}
    publish(names["ownership"], "warmpost-verify=somebody-else")
    publish(names["dkim"], "v=DKIM1; k=rsa; p=AAAA")
    publish(names["spf"], "v=spf1 -all", "v=spf1 mx -all", "google-site-verification=x")
    publish(names["dmarc"], "v=DMARC1; rua=mailto:d@bad.example")
    done = (await api.post("/domains/bad.example/verify")).json()
    assert done["status"] == "pending"
    notes = {one["purpose"]: (one["status"], one["note"], one["found"]) for one in done["records"]}
    assert notes["ownership"][:2] == ("wrong", "No value is the expected one.")
    assert notes["dkim"][0] == "wrong"
    assert "differs" in notes["dkim"][1]
    assert "2 SPF records" in notes["spf"][1]
    assert sorted(notes["spf"][2]) == ["v=spf1 -all", "v=spf1 mx -all"]
    assert "no policy" in notes["dmarc"][1]


async def test_a_verified_domain_stays_so_when_a_record_vanishes(api, publish, verified) -> None:
    await verified("stays.example")
    publish("_dmarc.stays.example")
    done = (await api.post("/domains/stays.example/verify")).json()
    assert done["status"] == "verified"
    assert [one["status"] for one in done["records"] if one["purpose"] == "dmarc"] == ["missing"]


async def test_a_silent_resolver_changes_nothing(services, store, api) -> None:
    await api.post("/domains", json={"domain": "quiet.example"})
    before = await store.get(Domain, "domains/quiet.example")
    object.__setattr__(services, "resolver", DnsResolver(["127.0.0.1:1"], lifetime=0.2))
    refused = await api.post("/domains/quiet.example/verify")
    assert problem(refused) == (503, "dns_unavailable", None)
    assert await store.get(Domain, "domains/quiet.example") == before


async def test_an_internationalised_domain_is_kept_in_a_labels(api) -> None:
    created = await api.post("/domains", json={"domain": "Bücher.example."})
    assert created.json()["domain"] == "xn--bcher-kva.example"
    assert (await api.get("/domains/bücher.example")).status_code == 200
    again = await api.post("/domains", json={"domain": "xn--bcher-kva.example"})
    assert problem(again) == (409, "domain_exists", "domain")


@pytest.mark.parametrize(
    "domain",
    ["", "example", "a..b", "-a.example", "a b.example", "1.2.3.4", "x." * 130 + "example", "a@b.example"],
)
async def test_what_is_no_domain_is_refused(api, domain: str) -> None:
    assert problem(await api.post("/domains", json={"domain": domain})) == (422, "invalid_domain", "domain")


async def test_the_simulator_is_nobodys_domain(api) -> None:
    refused = await api.post("/domains", json={"domain": "x.simulator.invalid"})
    assert problem(refused) == (422, "invalid_domain", "domain")


async def test_of_two_who_create_a_domain_at_once_one_does(services) -> None:
    both = await asyncio.gather(
        *(manage_domains.create_domain(services, "twice.example") for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["Conflict", "Domain"]


async def test_domains_are_listed_page_by_page(api) -> None:
    for name in ("c.example", "a.example", "b.example"):
        await api.post("/domains", json={"domain": name})
    first = (await api.get("/domains", params={"limit": 2})).json()
    assert [one["domain"] for one in first["items"]] == ["a.example", "b.example"]
    rest = (await api.get("/domains", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["domain"] for one in rest["items"]] == ["c.example"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "a/b"}, "cursor"),
        ({"cursor": ".."}, "cursor"),
        ({"cursor": "__main__"}, "cursor"),
        ({"cursor": "x" * 1501}, "cursor"),
        ({"page": "2"}, "page"),
    ],
)
async def test_a_wrong_page_is_refused(api, query: dict[str, str], field: str) -> None:
    status, _, named = problem(await api.get("/domains", params=query))
    assert (status, named) == (422, field)


async def test_a_domain_is_bound_to_a_pool_and_released(api) -> None:
    await api.post("/domains", json={"domain": "own.example"})
    await api.post("/pools", json={"name": "fast", "relays": [{"host": "r.example"}]})
    unknown = await api.patch("/domains/own.example", json={"pool": "none"})
    assert problem(unknown) == (404, "pool_not_found", "pool")
    bound = await api.patch("/domains/own.example", json={"pool": "fast"})
    assert bound.json()["pool"] == "fast"
    assert problem(await api.delete("/pools/fast"))[:2] == (409, "pool_in_use")
    released = await api.patch("/domains/own.example", json={"pool": None})
    assert released.json()["pool"] is None
    assert (await api.delete("/pools/fast")).status_code == 204


async def test_deleting_a_bound_domain_frees_its_pool(api) -> None:
    await api.post("/domains", json={"domain": "own.example"})
    await api.post("/pools", json={"name": "fast", "relays": [{"host": "r.example"}]})
    await api.patch("/domains/own.example", json={"pool": "fast"})
    assert (await api.delete("/domains/own.example")).status_code == 204
    assert (await api.delete("/pools/fast")).status_code == 204


async def test_a_domain_with_addresses_is_not_deleted(api, verified) -> None:
    await verified("kept.example")
    await api.post("/addresses", json={"address": "hello@kept.example"})
    assert problem(await api.delete("/domains/kept.example"))[:2] == (409, "domain_in_use")
    await api.delete("/addresses/hello@kept.example")
    assert (await api.delete("/domains/kept.example")).status_code == 204
    assert problem(await api.get("/domains/kept.example")) == (404, "domain_not_found", None)


async def test_what_becomes_of_what_waits_is_one_of_two_words(api) -> None:
    await api.post("/domains", json={"domain": "a.example"})
    refused = await api.delete("/domains/a.example?pending=keep")
    assert problem(refused) == (422, "invalid_pending", "pending")
    assert refused.json()["error"]["message"] == "pending is 'refuse' or 'cancel', not 'keep'."
    assert (await api.delete("/domains/a.example?pending=cancel")).status_code == 204


@pytest.mark.parametrize("name", ["none.example", "%2F", "a%2Fb", "no"])
async def test_an_unknown_domain_is_not_found(api, name: str) -> None:
    assert problem(await api.get(f"/domains/{name}"))[0] == 404


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{", (400, "invalid_json", None)),
        ("[]", (422, "invalid_field", None)),
        ("{}", (422, "missing_field", "domain")),
        ('{"domain": 5}', (422, "invalid_field", "domain")),
        ('{"domain": "a.example", "dkim": {"rsa": 1}}', (422, "unknown_field", "dkim.rsa")),
        ('{"domain": "a.example", "x": 1}', (422, "unknown_field", "x")),
    ],
)
async def test_a_body_that_does_not_fit_is_refused(api, body: str, expected) -> None:
    assert problem(await api.post("/domains", content=body)) == expected
