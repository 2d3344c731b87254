"""`/manage/health`: what is looked at, what it costs, and what is answered where something does not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from infra.local.ports import free_ports
from tests.adapters.smtp.smtp_servers import Mailroom, RealRelay
from warmpost.actions.context import Services
from warmpost.actions.operations.daily import DAILY_RUN
from warmpost.adapters.smtp.probe import Probes
from warmpost.errors import Unavailable
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.writes import Put
from warmpost.rules.operations.health import DailyRun, QueueState
from warmpost.rules.operations.policy import Policy
from warmpost.rules.warmup.documents import PauseFields, WarmupState
from warmpost.rules.webhooks.webhooks import Webhook


class Looks:
    """Queues that are well, and relays that are really asked."""

    def __init__(self) -> None:
        self.silent = False
        self.asked = Probes(None, lambda name: "", "worker.example")  # type: ignore[arg-type]

    async def queue(self, name: str, now: datetime) -> QueueState:
        if self.silent:
            raise Unavailable("queue_unavailable", "it is asleep")
        return QueueState(name, tasks=1)

    async def relay(self, relay) -> str:
        return await self.asked.relay(relay)


@pytest.fixture
async def relay() -> AsyncIterator[RealRelay]:
    async with RealRelay(Mailroom()) as running:
        yield running


@pytest.fixture
def services(services: Services, relay: RealRelay) -> Services:
    policy = Policy("test", Pool("shared", (Relay("a", "127.0.0.1", relay.port, "none"),)))
    return replace(services, probes=Looks(), policy=policy)


async def health(api: httpx.AsyncClient, status: int = 200) -> dict:
    answer = await api.get("/health")
    assert answer.status_code == status, answer.text
    found: dict = answer.json()
    return found


async def test_a_quiet_deployment_is_ok(api: httpx.AsyncClient) -> None:
    found = await health(api)
    assert (found["status"], found["reasons"]) == ("ok", [])
    assert [one["name"] for one in found["queues"]] == ["send", "deliver", "control", "notify"]
    assert found["relays"] == [{"pool": "shared", "relay": "a", "reachable": True, "reason": None}]


async def test_a_relay_that_refuses_and_a_queue_that_sleeps_are_named(
    api: httpx.AsyncClient, services: Services
) -> None:
    [closed] = free_ports(1)
    pool = {"name": "own", "relays": [{"host": "127.0.0.1", "port": closed, "security": "none"}]}
    await api.post("/pools", json=pool)
    services.probes.silent = True  # type: ignore[attr-defined]
    found = await health(api)
    assert found["status"] == "degraded"
    assert (
        f"the relay 127.0.0.1 of pool own cannot be used: 127.0.0.1:{closed}: Connection refused"
        in (found["reasons"])
    )
    assert "the queue notify does not answer: it is asleep" in found["reasons"]


async def test_a_database_that_does_not_answer_is_down_and_the_rest_is_still_told(
    api: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise Unavailable("store_unavailable", "The database does not answer.")

    for name in ("get", "find", "fields", "count", "sums"):
        monkeypatch.setattr(type(services.store), name, fail)
    found = await health(api, 503)
    assert (found["status"], found["firestore"]["reachable"]) == ("down", False)
    assert found["relays"][0]["reachable"] and found["queues"][0]["reachable"]
    assert "warmpost_firestore_up 0" in (await api.get("/health?format=prometheus")).text


async def test_what_waits_is_told_from_a_few_documents(api: httpx.AsyncClient, services: Services) -> None:
    now = services.clock.now()
    pause = PauseFields(now - timedelta(hours=1), now - timedelta(hours=25), 500, "domain")
    late = Webhook(url="https://x.example", secret=b"", created_at=now, disabled_at=now)
    batch = Batch(
        name="b",
        status="sending",
        domain="late.example",
        sender="hello@late.example",
        message_content=b"",
        parts=0,
        list_id="1",
        list_pages=4,
        total=2000,
        planned=2000,
        chunks=4,
        created_at=now - timedelta(hours=30),
        key_id="first",
        released=500,
    )
    await services.store.commit(
        Put("batches/7", batch),
        Put(f"warmup/{batch.domain}", WarmupState(pause=pause)),
        Put("webhooks/w1", late),
        Put(DAILY_RUN, DailyRun(now - timedelta(hours=30))),
    )
    found = await health(api)
    assert (found["batches"]["running"], found["batches"]["held"]) == (1, 1500)
    assert found["overdue_pauses"] == [batch.domain]
    assert found["disabled_webhooks"] == ["w1"]
    assert len(found["reasons"]) == 3


async def test_health_needs_a_key_and_being_alive_does_not(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health", headers={"Authorization": ""})).status_code == 401
    assert (await api.get("/alive", headers={"Authorization": ""})).json() == {"status": "ok"}


async def test_another_format_is_refused_by_name(api: httpx.AsyncClient) -> None:
    answer = await api.get("/health?format=xml")
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "format")
