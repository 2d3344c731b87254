"""Erasing and exporting one address through the API."""

from dataclasses import replace

import pytest

from warmpost.actions.erasure.erase_recipient import erase_recipient


class Queue:
    def __init__(self):
        self.tasks = []

    async def enqueue(self, *tasks):
        self.tasks += tasks


@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
def services(services, queue):
    return replace(services, tasks=queue)


async def run(services, queue):
    while queue.tasks:
        task = queue.tasks.pop(0)
        await erase_recipient(services, task.body["erasure"], task.body["turn"])


async def list_with(api, *addresses):
    await api.post("/lists", json={"name": "readers"})
    rows = [{"to": one, "data": {"name": "N"}} for one in addresses]
    await api.post("/lists/readers/recipients", json={"recipients": rows})


async def test_a_person_is_erased_and_the_proof_names_nobody(api, services, queue):
    await list_with(api, "ann@example.net", "bob@example.net")
    await api.post("/suppressions", json={"address": "ann@example.net", "note": "ann@example.net asked"})
    asked = await api.delete("/recipients/Ann@example.net")
    assert asked.status_code == 202
    assert asked.json()["state"] == "working"
    await run(services, queue)
    done = (await api.get(f"/erasures/{asked.json()['id']}")).json()
    assert (done["state"], done["erased"]["lists"], done["erased"]["suppressions"]) == ("done", 1, 1)
    assert "ann" not in str(done)
    assert (await api.get("/lists/readers")).json()["count"] == 1
    assert "ann@" not in (await api.get("/audit")).text
    assert "DELETE /manage/recipients/{address}" in (await api.get("/audit")).text


async def test_an_erased_suppression_is_found_by_whoever_knows_the_address(api, services, queue):
    await api.post("/suppressions", json={"address": "ann@example.net", "reason": "complaint"})
    await api.delete("/recipients/ann@example.net")
    await run(services, queue)
    assert (await api.get("/suppressions/ann@example.net")).json()["address"] == "ann@example.net"
    assert (await api.get("/suppressions")).json()["items"][0]["address"] == "erased@erased.invalid"
    assert "erased" not in (await api.get("/suppressions?format=csv")).text


async def test_an_export_holds_lists_variables_and_suppressions(api):
    await list_with(api, "ann@example.net")
    await api.post("/suppressions", json={"address": "ann@example.net"})
    shown = (await api.get("/recipients/ann@example.net/export")).json()
    assert shown["address"] == "ann@example.net"
    assert shown["lists"] == [{"list": 1, "name": "readers", "data": {"name": "N"}}]
    assert [one["reason"] for one in shown["suppressions"]] == ["manual"]
    assert shown["sent"] == []


async def test_everything_about_an_address_names_its_lists_and_suppressions(api):
    await list_with(api, "ann@example.net")
    await api.post("/suppressions", json={"address": "ann@example.net"})
    shown = (await api.get("/recipients/ANN@example.net")).json()
    assert shown["lists"] == [{"list": 1, "name": "readers"}]
    assert [one["reason"] for one in shown["suppressions"]] == ["manual"]


@pytest.mark.parametrize("wrong", ["nobody", "@", "a b@example.net"])
async def test_what_is_no_address_is_refused_by_name(api, wrong):
    answered = await api.delete(f"/recipients/{wrong}")
    assert answered.status_code == 422
    assert answered.json()["error"]["field"] == "address"


async def test_an_unknown_erasure_is_not_found(api):
    for id in ("x", "A" * 50, "%2e%2e"):
        assert (await api.get(f"/erasures/{id}")).json()["error"]["code"] in (
            "erasure_not_found",
            "not_found",
        )
