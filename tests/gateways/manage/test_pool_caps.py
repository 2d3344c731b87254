from __future__ import annotations

import pytest

from tests.problems import problem

RELAY = {"host": "smtp.relay.example"}


async def test_a_dedicated_pool_carries_a_cap_per_relay_and_day(api) -> None:
    created = await api.post("/pools", json={"name": "own", "relays": [RELAY], "relay_cap": 500})
    assert created.json()["relay_cap"] == 500
    changed = await api.patch("/pools/own", json={"relay_cap": 1000})
    assert (changed.json()["relay_cap"], len(changed.json()["relays"])) == (1000, 1)
    other = await api.patch("/pools/own", json={"relays": [RELAY, {"host": "second.relay.example"}]})
    assert (other.json()["relay_cap"], len(other.json()["relays"])) == (1000, 2)
    await api.patch("/pools/own", json={"relay_cap": None})
    assert (await api.get("/pools/own")).json()["relay_cap"] is None


@pytest.mark.parametrize("cap", [0, -1, "many", 1.5, 10**30])
async def test_a_cap_is_a_whole_number_of_messages(api, cap) -> None:
    answer = await api.post("/pools", json={"name": "own", "relays": [RELAY], "relay_cap": cap})
    assert problem(answer) == (422, "invalid_field", "relay_cap")


async def test_the_shared_pool_has_none(api) -> None:
    wanted = {"name": "shared", "relays": [RELAY]}
    refused = await api.post("/pools", json={**wanted, "relay_cap": 500})
    assert problem(refused) == (422, "invalid_field", "relay_cap")
    await api.post("/pools", json=wanted)
    refused = await api.patch("/pools/shared", json={"relay_cap": 500})
    assert problem(refused) == (422, "invalid_field", "relay_cap")
