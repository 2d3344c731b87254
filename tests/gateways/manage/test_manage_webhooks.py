"""`/manage/webhooks` as its callers see it, with real receivers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook as Verifier

from tests.receiver import closed_port, receiving
from warmpost.actions.outbox.notifications import queue_notifications
from warmpost.actions.webhooks.manage_webhooks import Wish, create_webhook
from warmpost.actions.webhooks.post_notifications import notify
from warmpost.adapters.message.encryption import Encryption
from warmpost.adapters.webhooks import WebhookClient
from warmpost.errors import Invalid
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.writes import Update
from warmpost.rules.operations.policy import Policy
from warmpost.rules.webhooks.notifications import KINDS, NotificationEvent

PUBLIC = "https://hooks.example.com/events"


class Kept:
    """Takes tasks and leaves them to the test."""

    def __init__(self):
        self.tasks = []

    async def enqueue(self, *tasks):
        self.tasks += tasks


@pytest.fixture
def queue():
    return Kept()


@pytest.fixture
async def services(services, clock, queue):
    clock.moment = datetime.now(UTC)
    client = WebhookClient(private=True)
    policy = Policy("test", Pool("shared", (Relay("inbox", "127.0.0.1", 2525),)), private_webhooks=True)
    yield replace(services, encryption=Encryption(bytes(32)), webhooks=client, tasks=queue, policy=policy)
    await client.close()


@pytest.fixture
async def receiver():
    async with receiving() as one:
        yield one


async def created(api, url=PUBLIC, **fields):
    answer = await api.post("/webhooks", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def park(services, webhook_id, count=1):
    """That many events in a notification each."""
    for n in range(count):
        told = [NotificationEvent("bounced", 1.0, f"e{n}", to=f"r{n}@example.net")]
        queued = await queue_notifications(services, told)
        await services.store.commit(*queued.writes)
        for write in queued.writes:
            await services.store.commit(Update(write.path, {"state": "parked", "error": "status 500"}))
    services.tasks.tasks.clear()


async def test_a_webhook_is_created_with_a_secret_that_is_shown_once(api, store, clock):
    made = await created(api)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": made["id"],
        "url": PUBLIC,
        "events": list(KINDS),
        "from": None,
        "domain": None,
        "batch_size": 1,
        "enabled": True,
        "state": "active",
        "failing_since": None,
        "disabled_at": None,
        "disabled_reason": None,
        "old_secret_until": None,
        "created_at": made["created_at"],
    }
    shown = (await api.get(f"/webhooks/{made['id']}")).json()
    assert shown == {**made, "waiting": 0, "parked": 0, "recent_attempts": []}
    assert (await api.get("/webhooks")).json()["items"] == [made]
    (kept,) = await store.fields("webhooks", select=("secret",))
    assert secret.removeprefix("whsec_").encode() not in kept[1]["secret"]


async def test_it_may_serve_one_sender_address_or_domain(api, verified):
    await verified("news.example")
    await api.post("/addresses", json={"address": "news@news.example"})
    assert (await created(api, **{"from": "news@news.example"}))["from"] == "news@news.example"
    assert (await created(api, domain="NEWS.example"))["domain"] == "news.example"
    for fields, status, field in [
        ({"from": "other@news.example"}, 404, "from"),
        ({"domain": "other.example"}, 404, "domain"),
        ({"from": "news@news.example", "domain": "news.example"}, 422, "domain"),
    ]:
        answer = await api.post("/webhooks", json={"url": PUBLIC, **fields})
        assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "ftp://hooks.example.com/"}, "url"),
        ({"url": "https://u:p@hooks.example.com/"}, "url"),
        ({"url": PUBLIC, "events": ["delivered", "eaten"]}, "events[1]"),
        ({"url": PUBLIC, "batch_size": 0}, "batch_size"),
        ({"url": PUBLIC, "batch_size": 101}, "batch_size"),
        ({"url": PUBLIC, "secret": "mine"}, "secret"),
        ({}, "url"),
    ],
)
async def test_what_cannot_work_is_refused_with_the_field(api, fields, field):
    answer = await api.post("/webhooks", json=fields)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.com/", "https://127.0.0.1/", "https://metadata.google.internal/computeMetadata"],
)
async def test_inner_addresses_need_the_deployments_allowance(services, url):
    deployed = replace(services, policy=replace(services.policy, private_webhooks=False))
    with pytest.raises(Invalid) as refused:
        await create_webhook(deployed, Wish(url))
    assert (refused.value.code, refused.value.field) == ("invalid_url", "url")
    assert (await create_webhook(services, Wish(url))).webhook.value.url == url


async def test_a_webhook_is_changed_and_deleted(api):
    made = await created(api)
    path = f"/webhooks/{made['id']}"
    changed = await api.patch(path, json={"url": f"{PUBLIC}/2", "events": ["bounced"], "batch_size": 50})
    assert changed.json() == {
        **{name: value for name, value in made.items() if name != "secret"},
        "url": f"{PUBLIC}/2",
        "events": ["bounced"],
        "batch_size": 50,
    }
    assert (await api.patch(path, json={"enabled": False})).json()["state"] == "off"
    assert (await api.patch(path, json={"from": "x@example.com"})).status_code == 422
    assert (await api.delete(path)).status_code == 204
    assert (await api.get(path)).json()["error"]["code"] == "webhook_not_found"


async def test_enabling_takes_back_that_it_was_given_up(api, store, clock):
    id = (await created(api))["id"]
    given_up = {"disabled_at": clock.now(), "disabled_reason": "410", "failing_since": clock.now()}
    await store.commit(Update(f"webhooks/{id}", given_up))
    shown = (await api.get(f"/webhooks/{id}")).json()
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "410")
    shown = (await api.patch(f"/webhooks/{id}", json={"enabled": True})).json()
    assert (shown["state"], shown["disabled_reason"], shown["failing_since"]) == ("active", None, None)


async def test_a_test_event_arrives_at_once_signed_by_both_secrets_after_a_rotation(api, receiver):
    made = await created(api, receiver.url)
    rotated = (await api.post(f"/webhooks/{made['id']}/rotate")).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["old_secret_until"]
    said = (await api.post(f"/webhooks/{made['id']}/test")).json()
    assert (said["delivered"], said["status_code"], said["error"]) == (True, 204, None)
    (one,) = receiver.received
    for secret in (made["secret"], rotated["secret"]):
        assert Verifier(secret).verify(one.body, one.headers)["type"] == "test"


async def test_a_test_that_fails_says_why_and_changes_nothing(api):
    id = (await created(api, f"http://127.0.0.1:{closed_port()}/", batch_size=10))["id"]
    said = (await api.post(f"/webhooks/{id}/test")).json()
    assert (said["delivered"], said["status_code"]) == (False, None)
    assert "Cannot connect" in said["error"]
    shown = (await api.get(f"/webhooks/{id}")).json()
    assert shown["state"] == "active"
    assert [one["error"] for one in shown["recent_attempts"]] == [said["error"]]


async def test_attempts_are_listed_the_newest_first_a_page_at_a_time(api, receiver, clock):
    id = (await created(api, receiver.url))["id"]
    for status in (200, 500, 410):
        receiver.status = status
        await api.post(f"/webhooks/{id}/test")
        clock.advance(1)
    first = (await api.get(f"/webhooks/{id}/attempts", params={"limit": 2})).json()
    assert [one["status_code"] for one in first["items"]] == [410, 500]
    rest = await api.get(f"/webhooks/{id}/attempts", params={"limit": 2, "cursor": first["next_cursor"]})
    assert [one["status_code"] for one in rest.json()["items"]] == [200]
    assert rest.json()["next_cursor"] is None
    wrong = await api.get(f"/webhooks/{id}/attempts", params={"cursor": "x"})
    assert wrong.json()["error"]["code"] == "invalid_cursor"


async def test_parked_notifications_are_listed_and_sent_again(api, services, receiver, queue):
    id = (await created(api, receiver.url))["id"]
    await park(services, id, 3)
    first = (await api.get(f"/webhooks/{id}/parked", params={"limit": 2})).json()
    rest = (await api.get(f"/webhooks/{id}/parked", params={"cursor": first["next_cursor"]})).json()
    items = first["items"] + rest["items"]
    assert [(one["events"], one["error"]) for one in items] == [(1, "status 500")] * 3
    resent = await api.post(f"/webhooks/{id}/resend")
    assert (resent.status_code, resent.json()) == (202, {"resent": 3, "parked": 0})
    for task in queue.tasks:
        await notify(services, task.body["notification"], task.body["attempt"])
    assert sorted(one["to"] for one in receiver.events) == [f"r{n}@example.net" for n in range(3)]


async def test_nothing_is_sent_again_to_a_webhook_that_is_off(api, services):
    id = (await created(api))["id"]
    await park(services, id)
    await api.patch(f"/webhooks/{id}", json={"enabled": False})
    answer = await api.post(f"/webhooks/{id}/resend")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "webhook_disabled")


@pytest.mark.parametrize("path", ["", "/attempts", "/parked"])
async def test_a_webhook_that_is_not_there_is_not_found(api, path):
    assert (await api.get(f"/webhooks/nothing{path}")).json()["error"]["code"] == "webhook_not_found"
