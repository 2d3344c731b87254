"""A harness whose worker notifies real receivers, with the occurrences and webhooks to do so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

from standardwebhooks import Webhook as Verifier

from tests.actions.harness import DOMAIN, MASTER_KEY, POLICY, HandClock, Harness
from tests.receiver import Received
from warmpost.actions.context import Services
from warmpost.actions.outbox.notifications import Queued, queue_notifications
from warmpost.actions.state.cache import Cache
from warmpost.actions.webhooks.manage_webhooks import Wish, create_webhook, find_webhook
from warmpost.adapters.message.encryption import Encryption
from warmpost.adapters.webhooks import WebhookClient
from warmpost.rules.identity.domains import SenderAddress
from warmpost.rules.model.writes import Create, Put, Stored
from warmpost.rules.webhooks.notifications import Notification, NotificationEvent, Told
from warmpost.rules.webhooks.webhooks import Webhook

SENDER_ADDRESS = f"news@{DOMAIN}"


@dataclass
class Office:
    harness: Harness
    client: WebhookClient

    def __post_init__(self) -> None:
        self.store: Any = self.harness.store
        self.clock = self.harness.clock
        self.queue = self.harness.queue
        self.services = self.worker("one")

    def worker(self, name: str) -> Services:
        return self.harness.worker(
            name,
            encryption=Encryption(MASTER_KEY),
            webhooks=self.client,
            policy=replace(POLICY, private_webhooks=True),
            cache=Cache(self.store, self.clock),
        )

    async def webhook(self, url: str, **wish: Any) -> tuple[str, str]:
        """Its id and secret."""
        made = await create_webhook(self.services, Wish(url, **wish))
        return made.webhook.id, made.secret

    async def log_event(self, *notification_events: NotificationEvent) -> Queued:
        """As an ingest does it."""
        queued = await queue_notifications(self.services, notification_events)
        if queued.writes:
            await self.store.commit(*queued.writes)
        await self.queue.enqueue(*queued.tasks)
        return queued

    async def found(self, webhook_id: str) -> Webhook:
        return (await find_webhook(self.store, webhook_id)).value

    async def notifications(self) -> list[Stored[Notification]]:
        found: list[Stored[Notification]] = await self.store.find(Notification, "notifications")
        return found

    async def with_address(self, address: str = SENDER_ADDRESS) -> None:
        await self.store.commit(
            Put(f"addresses/{address}", SenderAddress(address, "News", DOMAIN, self.clock.now()))
        )


def notification_events(count: int, kind: Told = "delivered", **fields: Any) -> Sequence[NotificationEvent]:
    known = {"batch": "7", "sender": SENDER_ADDRESS} | fields
    return [
        NotificationEvent(kind, 1772355600.0 + n, f"event-{n}", to=f"r{n}@example.net", **known)
        for n in range(count)
    ]


def verify(received: Received, secret: str, clock: HandClock) -> Any:
    """By an independent library, at the moment of our clock. Raises its error."""

    class Moment(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return clock.now()

    with patch("standardwebhooks.webhooks.datetime", Moment):
        return Verifier(secret).verify(received.body, received.headers)


def told(queued: Queued) -> dict[str, int]:
    """How many events for which webhook."""
    counts: Counter[str] = Counter()
    for write in queued.writes:
        assert isinstance(write, Create)
        assert isinstance(write.value, Notification)
        counts[write.value.webhook] += write.value.count
    return dict(counts)
