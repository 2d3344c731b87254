"""What a key may do beyond its scopes: from which domains, until when, and with whose batches."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from tests.actions.harness import DOMAIN, SENDER, START, Harness
from tests.actions.schedule_harness import Planner
from tests.problems import problem
from warmpost.gateways.api.batch_submit import batch_submit
from warmpost.gateways.api.schedule import schedule
from warmpost.gateways.api.send import send
from warmpost.gateways.http.app import answer
from warmpost.gateways.http.auth import Keys, digest
from warmpost.rules.model.documents import ApiKey
from warmpost.rules.model.writes import Put

DOORS = {"send": send, "batch-submit": batch_submit, "schedule": schedule}
MESSAGE = {"from": SENDER, "to": ["a@example.net"], "subject": "s", "text": "t"}
BATCH = {"from": SENDER, "template": 1, "recipients": [{"to": "a@example.net", "data": {"name": "A"}}]}


@pytest.fixture
async def ask(store):
    """`await ask(key, method, path, body)`: through the doors as the functions serve them."""
    harness = await Harness(store).open()
    planner = Planner(harness)
    keys = Keys(store, "", now=harness.clock.timestamp)

    async def application(scope, receive, respond):
        request = Request(scope, receive)
        name, _, rest = scope["path"].lstrip("/").partition("/")
        scope |= {"path": f"/{rest}", "raw_path": f"/{rest}".encode()}
        response = await answer(request, lambda inner: DOORS[name](inner, planner.services, keys))
        await response(scope, receive, respond)

    client = httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://api")

    async def ask(key: str, method: str, path: str, body: Any = None) -> httpx.Response:
        return await client.request(method, path, json=body, headers={"Authorization": f"Bearer wp_{key}_s"})

    async def keep(key, *scopes, **fields):
        await store.commit(Put(f"keys/{key}", ApiKey(key, scopes, digest("s"), START, **fields)))

    return SimpleNamespace(by=ask, keep=keep, harness=harness)


async def test_a_key_sends_from_its_domains_and_no_others(ask):
    await ask.keep("own", "send", domains=(DOMAIN,))
    await ask.keep("other", "send", domains=("other.example",))
    assert (await ask.by("own", "POST", "/send", MESSAGE)).status_code == 202
    for path, body, field in (
        ("/send", MESSAGE, "from"),
        ("/batch-submit", BATCH, "from"),
        ("/schedule", {"send": MESSAGE, "start_at": "2027-01-01T00:00:00Z"}, "send.from"),
        ("/schedule", {"batch": BATCH, "start_at": "2027-01-01T00:00:00Z"}, "batch.from"),
    ):
        refused = await ask.by("other", "POST", path, body)
        assert problem(refused) == (403, "domain_not_allowed", field)
        assert "other.example only" in refused.json()["error"]["message"]


async def test_a_key_that_may_only_send_stops_what_it_submitted_and_nothing_else(ask):
    await ask.keep("a", "send")
    await ask.keep("b", "send")
    await ask.keep("m", "send", "manage")
    batch = (await ask.by("a", "POST", "/batch-submit", BATCH)).json()["id"]
    made = await ask.by("a", "POST", "/schedule", {"batch": BATCH, "start_at": "2027-01-01T00:00:00Z"})
    number = made.json()["id"]
    for method, path in (
        ("POST", f"/batch-submit/{batch}/pause"),
        ("POST", f"/batch-submit/{batch}/cancel"),
        ("POST", f"/schedule/{number}/pause"),
        ("DELETE", f"/schedule/{number}"),
    ):
        assert problem(await ask.by("b", method, path)) == (403, "submitted_by_another", None)
    settle = await ask.by("b", "POST", f"/batch-submit/{batch}/uncertain", {"resend": True})
    assert problem(settle)[1] == "submitted_by_another"
    assert (await ask.by("a", "POST", f"/batch-submit/{batch}/pause")).status_code == 200
    assert (await ask.by("m", "POST", f"/batch-submit/{batch}/cancel")).status_code == 200
    assert (await ask.by("m", "DELETE", f"/schedule/{number}")).status_code == 200


async def test_a_key_ends_at_its_time(ask):
    await ask.keep("k", "send", expires_at=START + timedelta(days=1))
    assert (await ask.by("k", "POST", "/send", MESSAGE)).status_code == 202
    ask.harness.clock.advance(86_400)
    assert problem(await ask.by("k", "POST", "/send", MESSAGE)) == (401, "key_expired", None)


async def test_the_last_use_of_a_key_is_known_to_the_hour_and_written_once_in_it(ask):
    await ask.keep("k", "send")
    stored = ask.harness.store
    versions = set()
    for _ in range(3):
        await ask.by("k", "POST", "/send", MESSAGE)
        found = await stored.get(ApiKey, "keys/k")
        versions.add(str(found.version))
        assert found.value.last_used_at == START
        ask.harness.clock.advance(600)
    assert len(versions) == 1
    ask.harness.clock.advance(3_601)
    await ask.by("k", "POST", "/send", MESSAGE)
    assert (await stored.get(ApiKey, "keys/k")).value.last_used_at == ask.harness.clock.now()
