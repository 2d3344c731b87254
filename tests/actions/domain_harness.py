"""A harness with DNS: sender domains whose records can be published, changed, taken away and looked up again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from infra.local import nameserver
from tests.actions.harness import START, Harness
from warmpost.actions.identity.check_domains import check_identity
from warmpost.actions.identity.manage_domains import create_domain, verify_domain
from warmpost.adapters.dns import DnsResolver
from warmpost.rules.identity.domains import Domain
from warmpost.rules.model.writes import Put, Stored
from warmpost.rules.warmup.documents import HistoryEntry, WarmupState
from warmpost.rules.webhooks.notifications import Notification, bodies
from warmpost.rules.webhooks.webhooks import Webhook

NOBODY = DnsResolver(["127.0.0.1:1"], lifetime=0.2)


@dataclass
class Registry:
    """name: of the one domain it looks after; the DNS is shared by all tests, so each takes its own.

    dns: the server's address and its zone file.
    """

    harness: Harness
    dns: tuple[str, Path]
    name: str
    resolver: Any = field(init=False)

    def __post_init__(self) -> None:
        self.resolver = DnsResolver([self.dns[0]])
        self.services = self.worker()

    def worker(self, resolver: Any = None, **others: Any) -> Any:
        return self.harness.worker("registry", resolver=resolver or self.resolver, **others)

    async def open(self, warmup_state: WarmupState | None = None) -> Registry:
        """With the domain verified and warm, and a webhook that is out of service: what it is told stays parked."""
        webhook = Webhook("https://owner.example/", b"", START, disabled_at=START)
        await self.harness.store.commit(
            Put("webhooks/1", webhook), Put(f"warmup/{self.name}", warmup_state or WarmupState(warmup=False))
        )
        await create_domain(self.services, self.name)
        for purpose in ("ownership", "dkim", "spf", "dmarc"):
            await self.publish(purpose)
        await verify_domain(self.services, self.name)
        return self

    async def stored(self) -> Stored[Domain]:
        found = await self.harness.store.get(Domain, f"domains/{self.name}")
        assert found is not None
        return found  # type: ignore[no-any-return]

    async def domain(self) -> Domain:
        return (await self.stored()).value

    async def publish(self, purpose: str, *values: str) -> None:
        """Without values, what is expected."""
        (record,) = (one for one in (await self.domain()).records if one.purpose == purpose)
        self.enter(record.name, "TXT", *(values or (record.expected,)))

    async def remove(self, purpose: str) -> None:
        (record,) = (one for one in (await self.domain()).records if one.purpose == purpose)
        self.enter(record.name, "TXT")

    def enter(self, name: str, type: str, *values: str) -> None:
        nameserver.publish(self.dns[1], name, type, list(values))

    async def check(self, hours: float | None = None, services: Any = None) -> Domain:
        """hours: since the start, to which the clock is moved."""
        if hours is not None:
            self.harness.clock.move_to(START + timedelta(hours=hours))
        await check_identity(services or self.services, self.name)
        return await self.domain()

    async def history(self) -> list[tuple[str, str]]:
        entries = await self.harness.store.find(HistoryEntry, f"domains/{self.name}/history")
        return [(one.value.kind, one.value.reason) for one in entries]

    async def told(self) -> list[dict[str, Any]]:
        """What the webhook was to be sent, in order of time."""
        found = await self.harness.store.find(Notification, "notifications")
        events = [json.loads(body) for one in found for body in bodies(one.value)]
        return sorted(events, key=lambda one: (one["at"], one["type"]))
