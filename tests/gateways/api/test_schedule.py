"""`/schedule` as its callers see it, on a real database."""

import base64
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from starlette.requests import Request

from tests.actions.harness import DOMAIN, SENDER, Harness
from tests.actions.schedule_harness import Planner, at
from warmpost.gateways.api.batch_submit import batch_submit
from warmpost.gateways.api.schedule import schedule
from warmpost.gateways.api.send import send
from warmpost.gateways.http.app import answer
from warmpost.gateways.http.auth import Keys, digest
from warmpost.rules.model.documents import ApiKey
from warmpost.rules.model.writes import Put, Update

KEY = "the-first-key"
START_AT = "2026-11-24T08:00:00Z"
SEND = {"from": SENDER, "to": ["a@example.net"], "subject": "Hello", "text": "Good day"}
BATCH = {"from": SENDER, "template": 1, "recipients": [{"to": "a@example.net", "data": {"name": "A"}}]}


@pytest.fixture
async def planner(store):
    return Planner(await Harness(store).open())


@asynccontextmanager
async def calling(planner, key=KEY):
    keys = Keys(planner.store, KEY)

    doors = {"schedule": schedule, "send": send, "batch-submit": batch_submit}

    async def app(scope, receive, respond):
        name, _, rest = scope["path"].removeprefix("/").partition("/")
        request = Request({**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}, receive)
        response = await answer(request, lambda asked: doors[name](asked, planner.services, keys))
        await response(scope, receive, respond)

    headers = {"Authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


@pytest.fixture
async def api(planner):
    async with calling(planner) as client:
        yield client


async def made(api, **body):
    answered = await api.post("/schedule", json={"start_at": START_AT} | body)
    assert answered.status_code == 201, answered.text
    return answered.json()["id"]


async def refused(api, **body):
    answered = await api.post("/schedule", json={"start_at": START_AT} | body)
    error = answered.json()["error"]
    return answered.status_code, error["code"], error["field"]


async def test_a_schedule_is_answered_with_its_id_and_first_run(api):
    body = {"batch": BATCH, "start_at": "2026-11-24T09:00:00", "timezone": "Europe/Berlin", "name": "Digest"}
    answered = await api.post("/schedule", json=body)
    assert answered.status_code == 201
    assert answered.headers["location"] == "/schedule/1"
    assert answered.json() == {"id": 1, "state": "active", "name": "Digest", "next_run": START_AT}


async def test_a_run_and_its_batch_lead_to_each_other(planner, api):
    number = await made(api, batch=BATCH, every="1d")
    await planner.pass_until(at("2026-11-24T08:00"))
    shown = (await api.get(f"/schedule/{number}")).json()
    (run,) = shown["recent_runs"]
    assert run == {"run": START_AT, "status": "submitted", "at": START_AT, "batch": 1}
    assert (shown["runs"], shown["last_run"], shown["next_run"]) == (1, START_AT, "2026-11-25T08:00:00Z")
    batch = (await api.get(f"/batch-submit/{run['batch']}")).json()
    assert (batch["schedule"], batch["run"]) == (number, START_AT)


async def test_a_run_and_its_message_lead_to_each_other(planner, api):
    number = await made(api, send=SEND)
    await planner.pass_until(at("2026-11-24T08:00"))
    (run,) = (await api.get(f"/schedule/{number}/runs")).json()["items"]
    message = (await api.get(f"/send/{run['message']}")).json()
    assert (message["schedule"], message["run"]) == (number, START_AT)


async def test_the_definition_is_shown_without_what_is_in_attachments(api):
    file = {"filename": "a.txt", "content": base64.b64encode(b"secret plans").decode()}
    number = await made(api, send=SEND | {"attachments": [file]}, rrule="FREQ=DAILY;COUNT=3", missed="skip")
    answered = await api.get(f"/schedule/{number}")
    shown = answered.json()
    assert "plans" not in answered.text
    assert file["content"] not in answered.text
    assert shown["send"]["attachments"] == [
        {"filename": "a.txt", "content_type": None, "content_id": None, "bytes": 12}
    ]
    assert {name: shown["send"][name] for name in SEND} == SEND
    assert (shown["rrule"], shown["count"], shown["missed"]) == ("FREQ=DAILY", 3, "skip")
    assert (shown["state"], shown["kind"], shown["timezone"]) == ("active", "send", "UTC")


async def test_inline_recipients_are_shown_as_their_number(api):
    number = await made(api, batch=BATCH, every=24, until="2026-12-24T08:00:00Z")
    shown = (await api.get(f"/schedule/{number}")).json()
    assert (shown["batch"]["recipients"], shown["batch"]["template"]) == (1, 1)
    assert (shown["every"], shown["until"]) == (24, "2026-12-24T08:00:00Z")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "send_or_batch", "send"),
        ({"send": SEND, "batch": BATCH}, "send_or_batch", "send"),
        ({"send": SEND | {"too": []}}, "unknown_field", "send.too"),
        ({"send": SEND | {"to": "a@example.net"}}, "invalid_field", "send.to"),
        ({"send": {"to": []}}, "missing_field", "send.from"),
        ({"send": SEND | {"attachments": [{"filename": "a", "content": "%"}]}}, "invalid_base64", None),
        ({"batch": BATCH | {"from": "not an address"}}, "invalid_address", "batch.from"),
        ({"send": SEND, "start_at": None}, "invalid_field", "start_at"),
        ({"send": SEND, "start_at": "2020-01-01T00:00:00Z"}, "start_in_past", "start_at"),
        ({"send": SEND, "count": 0}, "invalid_field", "count"),
        ({"send": SEND, "every": 1.5}, "invalid_field", "every"),
        ({"send": SEND, "missed": "maybe"}, "invalid_field", "missed"),
        ({"send": SEND, "template_version": 1}, "unexpected_field", "template_version"),
        ({"send": SEND, "cron": "* * * * *"}, "unknown_field", "cron"),
    ],
)
async def test_what_cannot_work_is_refused_with_the_path_to_it(api, body, code, field):
    expected = field or "send.attachments[0].content"
    assert await refused(api, **body) == (422, code, expected)


async def test_the_same_idempotency_key_answers_the_same_and_refuses_another_body(api):
    body = {"send": SEND, "start_at": START_AT}
    headers = {"Idempotency-Key": "k"}
    first = await api.post("/schedule", json=body, headers=headers)
    again = await api.post("/schedule", json=body, headers=headers)
    other = await api.post("/schedule", json=body | {"every": 24}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_schedules_are_listed_a_page_at_a_time(api):
    numbers = [await made(api, send=SEND, name=f"n{number}") for number in range(5)]
    first = (await api.get("/schedule?limit=3")).json()
    rest = (await api.get("/schedule", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == numbers
    assert rest["next_cursor"] is None
    assert first["items"][0]["next_run"] == START_AT
    assert "send" not in first["items"][0]


async def test_runs_are_listed_the_latest_first_a_page_at_a_time(planner, api):
    number = await made(api, batch=BATCH, every=1)
    await planner.pass_until(at("2026-11-24T12:00"))
    seen, cursor = [], ""
    while cursor is not None:
        page = (await api.get(f"/schedule/{number}/runs", params={"limit": 2, "cursor": cursor})).json()
        seen += [run["run"][11:13] for run in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["12", "11", "10", "09", "08"]
    bad = await api.get(f"/schedule/{number}/runs?cursor=x")
    assert (bad.status_code, bad.json()["error"]["field"]) == (422, "cursor")


async def test_a_run_that_failed_or_was_missed_says_why(planner, api):
    number = await made(api, send=SEND, every=24)
    await planner.store.commit(Update(f"domains/{DOMAIN}", {"status": "pending"}))
    planner.clock.move_to(at("2026-11-25T08:01"))
    await planner.pass_until(at("2026-11-25T08:02"))
    failed, missed = (await api.get(f"/schedule/{number}/runs")).json()["items"]
    assert (failed["status"], missed["status"], missed["reason"]["code"]) == ("failed", "missed", "missed")
    assert (failed["reason"]["code"], failed["reason"]["field"]) == ("domain_not_verified", "from")
    assert DOMAIN in failed["reason"]["message"]


async def test_pause_resume_and_delete_answer_the_schedule(planner, api):
    number = await made(api, send=SEND, every=24)
    paused = (await api.post(f"/schedule/{number}/pause")).json()
    assert (paused["state"], paused["next_run"]) == ("paused", None)
    planner.clock.move_to(at("2026-11-24T08:00") + timedelta(hours=1))
    resumed = (await api.post(f"/schedule/{number}/resume")).json()
    assert (resumed["state"], resumed["next_run"]) == ("active", "2026-11-25T08:00:00Z")
    assert resumed["recent_runs"][0]["status"] == "skipped"
    for _ in range(2):
        ended = await api.delete(f"/schedule/{number}")
        assert (ended.status_code, ended.json()["state"]) == (200, "ended")
    refused = await api.post(f"/schedule/{number}/pause")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "schedule_ended")
    assert (await api.get(f"/schedule/{number}")).json()["counts"]["skipped"] == 1


async def test_what_is_not_there_is_not_found(api):
    for method, path in [
        ("GET", "/7"),
        ("GET", "/x"),
        ("DELETE", "/7"),
        ("POST", "/7/pause"),
        ("GET", "/7/runs"),
    ]:
        answered = await api.request(method, f"/schedule{path}")
        assert (answered.status_code, answered.json()["error"]["code"]) == (404, "schedule_not_found")


async def test_scheduling_needs_the_scope_to_send(planner, api):
    await planner.store.commit(
        Put("keys/r", ApiKey("reader", ("read",), digest("secret"), at("2026-11-23T00:00")))
    )
    number = await made(api, send=SEND)
    async with calling(planner, "wp_r_secret") as reader:
        assert (await reader.get(f"/schedule/{number}")).status_code == 200
        for method, path in [("POST", ""), ("DELETE", "/1"), ("POST", "/1/pause"), ("POST", "/1/resume")]:
            answered = await reader.request(method, f"/schedule{path}", json={})
            assert (answered.status_code, answered.json()["error"]["code"]) == (403, "missing_scope")
    async with calling(planner, "wrong") as nobody:
        assert (await nobody.get("/schedule")).status_code == 401


async def test_the_same_request_is_the_same_in_whatever_order_its_fields_are_written(api):
    body = {"send": SEND, "start_at": START_AT}
    headers = {"Idempotency-Key": "order"}
    first = await api.post("/schedule", json=body, headers=headers)
    other = json.dumps(dict(reversed(body.items())), indent=2).encode()
    for written in (other, b"\xef\xbb\xbf" + other):
        again = await api.post("/schedule", content=written, headers=headers)
        assert (again.status_code, again.json()) == (201, first.json())
