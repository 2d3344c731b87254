"""Webhooks: created with a secret that is shown once, changed, tried out; what was parked is sent again."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.identity.manage_addresses import find_address
from warmpost.actions.identity.manage_domains import find_domain
from warmpost.actions.outbox.notifications import MOST_WEBHOOKS, notify_task
from warmpost.actions.ports import Store
from warmpost.actions.storage.pagination import Listed, Page, list_by_id, whole_cursor, wrong_cursor
from warmpost.actions.storage.retries import commit_new
from warmpost.actions.webhooks.post_notifications import Round, attempt_write, secret_context, signing_keys
from warmpost.errors import Conflict, Invalid, LimitReached, NotFound
from warmpost.rules.model.addresses import Flaw
from warmpost.rules.model.writes import Create, Delete, Stored, Update
from warmpost.rules.webhooks.notifications import TEST, line_of, rfc3339
from warmpost.rules.webhooks.public_addresses import read_url
from warmpost.rules.webhooks.webhooks import (
    OLD_SECRET_SIGNS,
    SECRET_BYTES,
    Answer,
    Webhook,
    WebhookAttempt,
    signed_headers,
    write_secret,
)

ID_BYTES = 10
MOST_ID = 64
RECENT = 10
MOST_RESENT = 100
PARKED_FIELDS = ("count", "per_request", "results", "created_at", "expires_at", "attempt", "error")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants of a webhook. events: none for all. sender, domain: empty for the whole account."""

    url: str
    events: Sequence[str] = ()
    sender: str = ""
    domain: str = ""
    batch_size: int = 1
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class WithSecret:
    """secret: as the owner needs it; nobody can show it again."""

    webhook: Stored[Webhook]
    secret: str = field(repr=False)


async def create_webhook(services: Services, wish: Wish) -> WithSecret:
    """Raises Invalid, NotFound for a sender address or domain, LimitReached."""
    url = _readable(services, wish.url)
    if wish.sender and wish.domain:
        raise Invalid("invalid_field", "A webhook serves a sender address or a domain, not both.", "domain")
    sender = (await find_address(services.store, wish.sender, "from")).value.address if wish.sender else ""
    domain = (await find_domain(services.store, wish.domain, "domain")).value.domain if wish.domain else ""
    if await services.store.count("webhooks") >= MOST_WEBHOOKS:
        raise LimitReached("too_many_webhooks", f"There may be {MOST_WEBHOOKS} webhooks at most.")
    id = base64.b32encode(secrets.token_bytes(ID_BYTES)).decode().lower()
    shown, sealed = _new_secret(services, id)
    webhook = Webhook(
        url=url,
        secret=sealed,
        created_at=services.clock.now(),
        events=tuple(dict.fromkeys(wish.events)),
        sender=sender,
        domain=domain,
        batch_size=wish.batch_size,
        enabled=wish.enabled,
    )
    path = f"webhooks/{id}"
    (version,) = await commit_new(services.store, Create(path, webhook))
    return WithSecret(Stored(path, webhook, version), shown)


def _readable(services: Services, text: str) -> str:
    url = read_url(text.strip(), services.policy.private_webhooks)
    if isinstance(url, Flaw):
        raise Invalid("invalid_url", f"The URL {url.reason}.", "url")
    return url


def _new_secret(services: Services, id: str) -> tuple[str, bytes]:
    key = secrets.token_bytes(SECRET_BYTES)
    return write_secret(key), services.encryption.encrypt(key, secret_context(id))


async def find_webhook(store: Store, id: str) -> Stored[Webhook]:
    """Raises NotFound."""
    possible = id.isascii() and id.isalnum() and len(id) <= MOST_ID
    found = await store.get(Webhook, f"webhooks/{id}") if possible else None
    if found is None:
        raise NotFound("webhook_not_found", f"There is no webhook with the id {id[:MOST_ID]!r}.")
    return found


async def list_webhooks(services: Services, page: Page) -> Listed[Stored[Webhook]]:
    return await list_by_id(services.store, Webhook, "webhooks", page)


async def change_webhook(services: Services, id: str, changes: Mapping[str, Any]) -> Stored[Webhook]:
    """changes: of `url`, `events`, `batch_size`, `enabled`; what waits already keeps the size it was packed for.

    Enabling takes back that it was given up. Raises NotFound, Invalid or Moved.
    """
    stored = await find_webhook(services.store, id)
    wanted = dict(changes)
    if "url" in wanted:
        wanted["url"] = _readable(services, wanted["url"])
    if "events" in wanted:
        wanted["events"] = tuple(dict.fromkeys(wanted["events"]))
    if wanted.get("enabled"):
        wanted |= {"disabled_at": None, "disabled_reason": "", "failing_since": None}
    return await _changed(services, stored, wanted)


async def _changed(services: Services, stored: Stored[Webhook], changes: dict[str, Any]) -> Stored[Webhook]:
    if not changes:
        return stored
    (version,) = await services.store.commit(Update(stored.path, changes, stored.version))
    return Stored(stored.path, replace(stored.value, **changes), version)


async def delete_webhook(services: Services, id: str) -> None:
    """What waits for it is not sent any more. Raises NotFound or Moved."""
    stored = await find_webhook(services.store, id)
    await services.store.commit(Delete(stored.path, stored.version))


async def rotate_secret(services: Services, id: str) -> WithSecret:
    """The secret before signs along for a day, so that no request is refused meanwhile. Raises NotFound or Moved."""
    stored = await find_webhook(services.store, id)
    shown, sealed = _new_secret(services, id)
    changes = {
        "secret": sealed,
        "old_secret": stored.value.secret,
        "old_until": services.clock.now() + OLD_SECRET_SIGNS,
    }
    return WithSecret(await _changed(services, stored, changes), shown)


async def try_webhook(services: Services, id: str) -> Answer:
    """Sends a test event at once, whatever the webhook's state, and changes nothing of that. Raises NotFound."""
    stored = await find_webhook(services.store, id)
    now = services.clock.now()
    name = f"test{secrets.token_hex(10)}"
    at = rfc3339(now.timestamp())
    line = line_of(
        {"id": f"evt_{name}", "type": TEST, "at": at, "event": TEST, "timestamp": int(now.timestamp())}
    )
    body = line if stored.value.batch_size == 1 else b"[" + line + b"]"
    headers = signed_headers(signing_keys(services, stored), f"msg_{name}", now.timestamp(), body)
    answer = await services.webhooks.post(stored.value.url, body, headers)
    await services.store.commit(attempt_write(id, name, 1, Round([answer]), int(answer.is_taken), now))
    return answer


async def list_attempts(services: Services, id: str, page: Page) -> Listed[Stored[WebhookAttempt]]:
    """The newest first. Raises NotFound or Invalid."""
    await find_webhook(services.store, id)
    after = None
    if page.cursor is not None:
        after = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=whole_cursor(page.cursor))
    found = await services.store.find(
        WebhookAttempt,
        f"webhooks/{id}/attempts",
        order_by="at",
        descending=True,
        after=after,
        limit=page.limit + 1,
    )
    items = found[: page.limit]
    more = len(found) > page.limit
    return Listed(items, str(round(items[-1].value.at.timestamp() * 1_000_000)) if more else None)


async def count_notifications(services: Services, id: str, state: str) -> int:
    return await services.store.count("notifications", ("webhook", "==", id), ("state", "==", state))


async def list_parked(services: Services, id: str, page: Page) -> Listed[tuple[str, dict[str, Any]]]:
    """Ids and PARKED_FIELDS. Raises NotFound or Invalid."""
    if page.cursor is not None and not (
        page.cursor.isascii() and page.cursor.isalnum() and len(page.cursor) <= MOST_ID
    ):
        raise wrong_cursor()
    await find_webhook(services.store, id)
    found = await services.store.fields(
        "notifications",
        ("webhook", "==", id),
        ("state", "==", "parked"),
        select=PARKED_FIELDS,
        after=page.cursor,
        limit=page.limit + 1,
    )
    items = found[: page.limit]
    return Listed(items, items[-1][0] if len(found) > page.limit else None)


async def resend_parked(services: Services, id: str) -> int:
    """Starts anew with the first MOST_RESENT parked notifications; how many those are.

    Raises NotFound, Moved, or Conflict while the webhook is not enabled.
    """
    stored = await find_webhook(services.store, id)
    if not stored.value.is_served:
        raise Conflict("webhook_disabled", "The webhook is not enabled; change `enabled` to true first.")
    now = services.clock.now()
    found = await list_parked(services, id, Page(MOST_RESENT))
    attempts = {one: int(row["attempt"]) + 1 for one, row in found.items}
    await services.tasks.enqueue(*(notify_task(one, attempt, now) for one, attempt in attempts.items()))
    fresh = {"state": "waiting", "since": None, "delays": 0, "next_at": now, "error": ""}
    writes = [
        Update(f"notifications/{one}", {**fresh, "attempt": attempt}) for one, attempt in attempts.items()
    ]
    if writes:
        await services.store.commit(*writes)
    return len(writes)
