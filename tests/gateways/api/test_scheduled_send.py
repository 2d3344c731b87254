"""A message for later: `POST /send` with `scheduled_at`, and what can be done with it until it goes out."""

from datetime import timedelta

import pytest

from tests.actions.harness import SENDER, Harness
from tests.actions.schedule_harness import Planner, at
from tests.gateways.api.test_schedule import calling
from tests.problems import problem

LATER = "2026-11-24T08:00:00Z"
BODY = {
    "from": SENDER,
    "to": ["a@example.net"],
    "subject": "Hello",
    "text": "Good day",
    "scheduled_at": LATER,
}


@pytest.fixture
async def planner(store):
    return Planner(await Harness(store).open())


@pytest.fixture
async def api(planner):
    async with calling(planner) as client:
        yield client


async def accepted(api, **fields):
    answered = await api.post("/send", json=BODY | fields)
    assert answered.status_code == 202, answered.text
    return answered.json()


async def test_it_is_accepted_now_and_goes_out_at_its_time_under_its_id(planner, api):
    made = await accepted(api, to=["a@example.net", "b@example.net"])
    assert (made["status"], made["recipients"], made["scheduled_at"]) == ("scheduled", 2, LATER)
    waiting = (await api.get(f"/send/{made['id']}")).json()
    assert (waiting["status"], waiting["scheduled_at"]) == ("scheduled", LATER)
    assert [one["status"] for one in waiting["recipients"]] == ["held", "held"]
    await planner.pass_until(at(LATER) + timedelta(minutes=1))
    gone = (await api.get(f"/send/{made['id']}")).json()
    assert (gone["id"], gone["status"], gone["schedule"]) == (made["id"], "queued", waiting["schedule"])
    assert gone["recipients"][0]["message_id"] == waiting["recipients"][0]["message_id"]


async def test_the_same_request_under_one_key_is_one_message(api):
    key = {"Idempotency-Key": "k1"}
    first = (await api.post("/send", json=BODY, headers=key)).json()
    assert (await api.post("/send", json=BODY, headers=key)).json() == first
    other = await api.post("/send", json=BODY | {"subject": "x"}, headers=key)
    assert problem(other)[1] == "idempotency_key_reused"
    assert len((await api.get("/schedule")).json()["items"]) == 1


async def test_what_is_changed_is_what_goes_out(planner, api):
    made = await accepted(api)
    sooner = "2026-11-23T15:00:00Z"
    changes = {"subject": "Sooner", "to": ["c@example.net"], "scheduled_at": sooner, "tags": {"a": "b"}}
    changed = await api.patch(f"/send/{made['id']}", json=changes)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["subject"], changed.json()["scheduled_at"]) == ("Sooner", sooner)
    await planner.pass_until(at(sooner) + timedelta(minutes=1))
    gone = (await api.get(f"/send/{made['id']}")).json()
    assert (gone["subject"], gone["tags"], gone["recipients"][0]["to"]) == (
        "Sooner",
        {"a": "b"},
        "c@example.net",
    )
    await planner.pass_until(at(LATER) + timedelta(minutes=1))
    assert len((await api.get("/send")).json()["items"]) == 1


async def test_what_is_taken_back_never_goes_out(planner, api):
    made = await accepted(api)
    for _ in range(2):
        assert (await api.delete(f"/send/{made['id']}")).json()["status"] == "cancelled"
    await planner.pass_until(at(LATER) + timedelta(minutes=1))
    assert (await api.get(f"/send/{made['id']}")).json()["recipients"][0]["status"] == "cancelled"
    assert (await api.get("/send")).json()["items"] == []
    assert problem(await api.patch(f"/send/{made['id']}", json={"subject": "x"}))[1] == "schedule_ended"


async def test_what_has_gone_out_can_no_longer_be_taken_back(planner, api):
    made = await accepted(api)
    await planner.pass_until(at(LATER) + timedelta(minutes=1))
    assert problem(await api.delete(f"/send/{made['id']}")) == (409, "message_sent", None)
    assert problem(await api.patch(f"/send/{made['id']}", json={"subject": "x"}))[0] == 409


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"scheduled_at": "2026-11-22T08:00:00Z"}, "start_in_past", "scheduled_at"),
        ({"scheduled_at": "tomorrow"}, "invalid_scheduled_at", "scheduled_at"),
        ({"scheduled_at": "2026-11-24T08:00:00"}, "invalid_scheduled_at", "scheduled_at"),
        ({"to": ["nobody"]}, "invalid_address", "to[0]"),
        ({"text": None}, "missing_field", "html"),
    ],
)
async def test_what_is_wrong_is_told_now_by_the_names_of_send(api, fields, code, field):
    given = {name: value for name, value in (BODY | fields).items() if value is not None}
    assert problem(await api.post("/send", json=given))[1:] == (code, field)
    made = await accepted(api)
    assert problem(await api.patch(f"/send/{made['id']}", json=fields))[1:] == (code, field)
    assert (await api.get(f"/send/{made['id']}")).json()["subject"] == "Hello"


async def test_only_what_waits_can_be_changed_and_taken_back(api):
    assert problem(await api.delete("/send/nothing")) == (404, "message_not_found", None)
    assert problem(await api.patch("/send/nothing", json={})) == (404, "message_not_found", None)
    sent = (
        await api.post("/send", json={name: BODY[name] for name in ("from", "to", "subject", "text")})
    ).json()
    assert problem(await api.delete(f"/send/{sent['id']}"))[0] == 404


async def test_a_schedule_says_what_message_it_becomes(api):
    made = await accepted(api)
    (row,) = (await api.get("/schedule")).json()["items"]
    assert row["message"] == made["id"]


async def test_scheduled_at_is_not_for_a_schedule_of_its_own(api):
    body = {"send": BODY, "start_at": LATER}
    assert problem(await api.post("/schedule", json=body))[1:] == ("unexpected_field", "send.scheduled_at")


class TestSchedules:
    async def made(self, api, **fields):
        send = {name: BODY[name] for name in ("from", "to", "subject", "text")}
        answered = await api.post("/schedule", json={"send": send, "start_at": LATER} | fields)
        assert answered.status_code == 201, answered.text
        return answered.json()["id"]

    async def test_the_next_runs_are_told(self, api):
        id = await self.made(api, every="1d", count=3)
        shown = (await api.get(f"/schedule/{id}")).json()
        assert shown["next_runs"] == [LATER, "2026-11-25T08:00:00Z", "2026-11-26T08:00:00Z"]
        await api.post(f"/schedule/{id}/pause")
        assert (await api.get(f"/schedule/{id}")).json()["next_runs"] == []

    async def test_a_changed_rule_holds_from_the_next_run_on(self, planner, api):
        id = await self.made(api, every="1d")
        await planner.pass_until(at("2026-11-25T09:00:00Z"))
        changed = (await api.patch(f"/schedule/{id}", json={"every": "1w", "name": "weekly"})).json()
        assert (changed["next_run"], changed["every"], changed["name"]) == (
            "2026-12-01T08:00:00Z",
            168,
            "weekly",
        )
        await planner.pass_until(at("2026-12-02T09:00:00Z"))
        assert (await api.get(f"/schedule/{id}")).json()["counts"]["submitted"] == 3

    async def test_what_it_sends_is_changed_as_a_whole(self, planner, api):
        id = await self.made(api)
        other = {"from": SENDER, "to": ["b@example.net"], "subject": "New", "text": "y"}
        assert (await api.patch(f"/schedule/{id}", json={"send": other})).json()["send"]["subject"] == "New"
        await planner.pass_until(at("2026-11-24T09:00:00Z"))
        (message,) = (await api.get("/send")).json()["items"]
        assert (message["subject"], message["to"]) == ("New", ["b@example.net"])

    async def test_a_paused_one_stays_paused_at_its_new_time(self, planner, api):
        id = await self.made(api)
        await api.post(f"/schedule/{id}/pause")
        changed = (await api.patch(f"/schedule/{id}", json={"start_at": "2026-11-26T08:00:00Z"})).json()
        assert (changed["state"], changed["next_run"]) == ("paused", None)
        assert (await api.post(f"/schedule/{id}/resume")).json()["next_run"] == "2026-11-26T08:00:00Z"

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"start_at": "2026-11-01T08:00:00Z"}, "start_in_past", "start_at"),
            ({"rrule": "FREQ=NEVER"}, "invalid_rrule", "rrule"),
            ({"until": LATER}, "unexpected_field", "until"),
            (
                {"send": {"from": SENDER, "to": ["x"], "subject": "s", "text": "t"}},
                "invalid_address",
                "send.to[0]",
            ),
            ({"batch": {"from": SENDER, "template": 1, "list": 1}}, "send_or_batch", "batch"),
            ({"unknown": 1}, "unknown_field", "unknown"),
        ],
    )
    async def test_a_wrong_change_changes_nothing(self, api, change, code, field):
        id = await self.made(api)
        before = (await api.get(f"/schedule/{id}")).json()
        assert problem(await api.patch(f"/schedule/{id}", json=change))[1:] == (code, field)
        assert (await api.get(f"/schedule/{id}")).json() == before

    async def test_an_ended_one_cannot_be_changed(self, api):
        id = await self.made(api)
        await api.delete(f"/schedule/{id}")
        assert problem(await api.patch(f"/schedule/{id}", json={"name": "x"}))[:2] == (409, "schedule_ended")
