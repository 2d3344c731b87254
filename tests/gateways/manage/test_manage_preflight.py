"""Health and preflight of a domain as their owner sees them."""

from __future__ import annotations

from tests.problems import problem

FIELDS = {"point", "ok", "required", "found", "needed", "what_to_do", "rule"}


async def test_the_preflight_goes_point_by_point(api, verified, publish, clock) -> None:
    await verified("pre.example")
    body = (await api.get("/domains/pre.example/preflight")).json()
    assert (body["domain"], body["ready"]) == ("pre.example", True)
    assert body["checked_at"] == clock.now().isoformat().replace("+00:00", "Z")
    assert all(set(one) == FIELDS for one in body["points"])
    points = {one["point"]: one for one in body["points"]}
    assert points["dkim_aligned"]["rule"] == "Gmail and Yahoo bulk senders"
    assert points["spf_present"]["found"] == "v=spf1 a mx ~all"
    publish("pre.example")
    body = (await api.get("/domains/pre.example/preflight")).json()
    (spf,) = (one for one in body["points"] if one["point"] == "spf_present")
    assert (body["ready"], spf["ok"]) == (False, False)
    assert spf["what_to_do"] == "There is no such record. Publish 'v=spf1 a mx ~all' at pre.example."


async def test_a_pending_domain_has_a_preflight_but_is_not_ready(api) -> None:
    await api.post("/domains", json={"domain": "raw.example"})
    body = (await api.get("/domains/raw.example/preflight")).json()
    assert not body["ready"]
    missing = [one["point"] for one in body["points"] if one["required"] and one["ok"] is False]
    assert missing == ["ownership", "dkim_present", "spf_present", "dmarc_published"]


async def test_an_unknown_domain_has_no_preflight(api) -> None:
    assert problem(await api.get("/domains/none.example/preflight")) == (404, "domain_not_found", None)


async def test_health_names_what_is_broken_and_since_when(api, publish, clock) -> None:
    created = (await api.post("/domains", json={"domain": "ill.example"})).json()
    assert created["health"] == {"ok": None, "broken": [], "suspended_at": None, "reason": None}
    for record in created["records"]:
        publish(record["name"], record["expected"])
    well = (await api.post("/domains/ill.example/verify")).json()
    assert (well["health"]["ok"], well["health"]["broken"]) == (True, [])
    clock.advance(3600)
    since = clock.now().isoformat().replace("+00:00", "Z")
    publish("_dmarc.ill.example", "v=DMARC1; p=never")
    await api.post("/domains/ill.example/verify")
    clock.advance(3600)
    await api.post("/domains/ill.example/verify")
    health = (await api.get("/domains/ill.example")).json()["health"]
    note = "The DMARC policy p=never does not exist: none, quarantine and reject do."
    broken = {"purpose": "dmarc", "name": "_dmarc.ill.example", "since": since, "note": note}
    assert health == {"ok": False, "broken": [broken], "suspended_at": None, "reason": None}
    history = (await api.get("/domains/ill.example/history")).json()["items"]
    assert [one["decision"] for one in history] == ["records_broken"]
    assert note in history[0]["reason"]
