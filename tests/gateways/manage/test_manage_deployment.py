from warmpost import VERSION


async def test_a_program_asks_whether_its_key_works(api, verified):
    await verified("mine.example")
    wanted = {"name": "shop", "scopes": ["read", "send"], "domains": ["mine.example"], "rate": 5}
    key = (await api.post("/keys", json=wanted)).json()
    mine = {"Authorization": f"Bearer {key['key']}"}
    assert (await api.get("/me", headers=mine)).json() == {
        "key_id": key["id"],
        "name": "shop",
        "scopes": ["read", "send"],
        "domains": ["mine.example"],
        "rate": 5,
        "expires_at": None,
    }
    first = (await api.get("/me")).json()
    assert (first["key_id"], first["name"], first["scopes"]) == ("first", None, ["send", "manage", "read"])
    assert (await api.get("/me", headers={"Authorization": "Bearer wp_a_b"})).status_code == 401


async def test_a_deployment_says_what_it_is_and_none_of_its_secrets(api):
    said = (await api.get("/deployment")).json()
    assert (said["version"], said["project"]) == (VERSION, "test")
    assert (said["simulator_domain"], said["relays"]) == ("simulator.invalid", ["127.0.0.1"])
    assert said["prices"]["currency"] == "USD"


async def test_a_key_for_the_tencent_protocol_is_shown_with_what_its_clients_take(api):
    plain = (await api.post("/keys", json={"name": "plain", "scopes": ["send"]})).json()
    assert (plain["secret_id"], plain["secret_key"]) == (None, None)
    wanted = {"name": "sdk", "scopes": ["send"], "tencent": True}
    made = (await api.post("/keys", json=wanted)).json()
    assert made["secret_id"] == made["id"]
    assert made["key"] == f"wp_{made['id']}_{made['secret_key']}"
    assert "secret_key" not in (await api.get(f"/keys/{made['id']}")).json()
