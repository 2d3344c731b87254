"""Whole messages and SMTP passwords at the door of `/send`, on a real database."""

import base64

import pytest

from tests.actions.harness import DOMAIN, Harness
from tests.actions.schedule_harness import Planner
from tests.gateways.api.test_schedule import BATCH, SEND, START_AT, calling
from warmpost.actions.identity.manage_addresses import create_address, set_smtp_password

PASSWORD = "abcde12345"
RAW = f"From: ann@{DOMAIN}\r\nMessage-ID: <1@their.host>\r\nSubject: Hi\r\n\r\nBody\r\n".encode()


def body(raw: bytes = RAW, **fields):
    return {"raw": base64.b64encode(raw).decode(), "to": ["a@example.net"]} | fields


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.fixture
async def planner(store):
    planner = Planner(await Harness(store).open())
    await create_address(planner.services, f"ann@{DOMAIN}", "")
    await set_smtp_password(planner.services, f"ann@{DOMAIN}", PASSWORD)
    return planner


@pytest.fixture
async def api(planner):
    async with calling(planner) as client:
        yield client


async def test_a_whole_message_is_found_by_the_message_id_it_brought_along(api):
    accepted = await api.post("/send", json=body(tags={"a": "b"}))
    assert accepted.status_code == 202 and accepted.json()["recipients"] == 1
    for asked in ("1@their.host", "<1@their.host>"):
        found = (await api.get("/send", params={"message_id": asked})).json()
        assert [one["id"] for one in found["items"]] == [accepted.json()["id"]]
        assert (found["items"][0]["from"], found["items"][0]["subject"]) == (f"ann@{DOMAIN}", "Hi")
    assert (await api.get("/send", params={"message_id": "other@x"})).json() == {
        "items": [],
        "next_cursor": None,
    }
    shown = (await api.get(f"/send/{accepted.json()['id']}")).json()
    assert (shown["from"], shown["tags"]) == (f"ann@{DOMAIN}", {"a": "b"})


async def test_an_smtp_password_sends_from_its_address_alone(api):
    mine = basic(f"Ann@{DOMAIN}", PASSWORD)
    assert (await api.post("/send", json=body(), headers=mine)).status_code == 202
    checked = await api.get("/send/credential", headers=mine)
    assert checked.json()["sender"] == f"ann@{DOMAIN}"
    other = await api.post("/send", json=body(RAW.replace(b"ann@", b"bob@")), headers=mine)
    assert (other.status_code, other.json()["error"]["code"]) == (403, "sender_not_allowed")
    assert (await api.post("/send", json=SEND, headers=mine)).status_code == 403


async def test_an_smtp_password_opens_no_other_door(api):
    mine = basic(f"ann@{DOMAIN}", PASSWORD)
    batch = await api.post("/batch-submit", json=BATCH, headers=mine)
    series = await api.post("/schedule", json={"send": SEND, "start_at": START_AT}, headers=mine)
    assert (batch.status_code, series.status_code) == (403, 403)
    assert (await api.get("/send", params={"message_id": "x"}, headers=mine)).status_code == 403


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (f"ann@{DOMAIN}", "abcde12346"),
        (f"bob@{DOMAIN}", PASSWORD),
        ("@", ""),
        (f"ann@{DOMAIN}", ""),
    ],
)
async def test_a_wrong_smtp_password_is_unauthorized(api, user, password):
    wrong = await api.post("/send", json=body(), headers=basic(user, password))
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "wrong_key")


async def test_a_password_that_is_changed_or_taken_away_ends_at_once(api, planner):
    mine = basic(f"ann@{DOMAIN}", PASSWORD)
    assert (await api.get("/send/credential", headers=mine)).status_code == 200
    await set_smtp_password(planner.services, f"ann@{DOMAIN}", "another123")
    assert (await api.get("/send/credential", headers=mine)).status_code == 401
    again = basic(f"ann@{DOMAIN}", "another123")
    assert (await api.get("/send/credential", headers=again)).status_code == 200
    await set_smtp_password(planner.services, f"ann@{DOMAIN}", "")
    assert (await api.get("/send/credential", headers=again)).status_code == 401


async def test_a_credential_that_is_a_key_is_checked_too(api):
    assert (await api.get("/send/credential")).json() == {"key_id": "first", "sender": None}
    wrong = await api.get("/send/credential", headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
