"""`/manage/webhooks`: customers' endpoints that are told what became of messages.

What they are sent is described in `rules.webhooks.notifications`, how it is signed in `rules.webhooks.webhooks`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.storage.pagination import Page
from warmpost.actions.webhooks import manage_webhooks
from warmpost.actions.webhooks.manage_webhooks import RECENT, Wish
from warmpost.gateways.api.answers import Answer as Shape
from warmpost.gateways.api.answers import Count, Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Handler, Route, deadline, json_response
from warmpost.rules.model.writes import Stored
from warmpost.rules.webhooks.notifications import KINDS, Told, events_left
from warmpost.rules.webhooks.webhooks import MOST_BATCH, Answer, State, Webhook, WebhookAttempt, describe

BatchSize = Annotated[int, msgspec.Meta(ge=1, le=MOST_BATCH)]
Unset = msgspec.UnsetType


class NewWebhook(collections.Body):
    """events: none for all but `sent`, those to come included. sender: `from`. from, domain: none for the whole account."""

    url: str
    events: tuple[Told, ...] = ()
    sender: str = msgspec.field(default="", name="from")
    domain: str = ""
    batch_size: BatchSize = 1
    enabled: bool = True


class WebhookChange(collections.Body):
    url: str | Unset = msgspec.UNSET
    events: tuple[Told, ...] | Unset = msgspec.UNSET
    batch_size: BatchSize | Unset = msgspec.UNSET
    enabled: bool | Unset = msgspec.UNSET


class WebhookAnswer(Shape):
    """state: `failing` while requests fail, `disabled` once it is given up, `off` by its owner's wish."""

    id: str
    url: str
    events: list[Told]
    sender: str | None = msgspec.field(name="from")
    domain: str | None
    batch_size: int
    enabled: bool
    state: State
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    old_secret_until: datetime | None
    created_at: datetime


class WebhookWithSecret(WebhookAnswer):
    """secret: shown this once."""

    secret: str


class Attempt(Shape):
    at: datetime
    notification: str
    attempt: int
    requests: int
    events: int
    status_code: int | None
    duration_ms: int
    error: str | None


class WatchedWebhook(WebhookAnswer):
    """waiting, parked: notifications."""

    waiting: Count
    parked: Count
    recent_attempts: list[Attempt]


class Tried(Shape):
    delivered: bool
    status_code: int | None
    duration_ms: int
    error: str | None


class Parked(Shape):
    notification: str
    events: int
    created_at: datetime
    expires_at: datetime
    error: str | None


class Resent(Shape):
    resent: Count
    parked: Count


def shown(stored: Stored[Webhook]) -> dict[str, object]:
    webhook = stored.value
    return {
        "id": stored.id,
        "url": webhook.url,
        "events": webhook.events or KINDS,
        "from": webhook.sender or None,
        "domain": webhook.domain or None,
        "batch_size": webhook.batch_size,
        "enabled": webhook.enabled,
        "state": webhook.state,
        "failing_since": webhook.failing_since,
        "disabled_at": webhook.disabled_at,
        "disabled_reason": webhook.disabled_reason or None,
        "old_secret_until": webhook.old_until,
        "created_at": webhook.created_at,
    }


def _shown_attempt(one: WebhookAttempt) -> dict[str, object]:
    return {
        "at": one.at,
        "notification": one.notification,
        "attempt": one.attempt,
        "requests": one.requests,
        "events": one.events,
        "status_code": one.status or None,
        "duration_ms": one.milliseconds,
        "error": one.error or None,
    }


def _shown_answer(one: Answer) -> dict[str, object]:
    return {
        "delivered": one.is_taken,
        "status_code": one.status or None,
        "duration_ms": round(1000 * one.seconds),
        "error": describe(one) or None,
    }


def _shown_parked(id: str, row: dict[str, Any]) -> dict[str, object]:
    return {
        "notification": id,
        "events": events_left(row["results"], row["count"], row["per_request"]),
        "created_at": row["created_at"],
        "expires_at": deadline(row["expires_at"]),
        "error": row["error"] or None,
    }


async def create(request: Request, services: Services) -> Response:
    body = await collections.read(request, NewWebhook)
    made = await manage_webhooks.create_webhook(services, Wish(**msgspec.structs.asdict(body)))
    return json_response({**shown(made.webhook), "secret": made.secret}, 201)


async def listing(request: Request, services: Services) -> Response:
    return collections.listed(await manage_webhooks.list_webhooks(services, collections.page(request)), shown)


async def get(request: Request, services: Services, id: str) -> Response:
    found = await manage_webhooks.find_webhook(services.store, id)
    recent = await manage_webhooks.list_attempts(services, id, Page(RECENT))
    return json_response(
        {
            **shown(found),
            "waiting": await manage_webhooks.count_notifications(services, id, "waiting"),
            "parked": await manage_webhooks.count_notifications(services, id, "parked"),
            "recent_attempts": [_shown_attempt(one.value) for one in recent.items],
        }
    )


async def change(request: Request, services: Services, id: str) -> Response:
    body = msgspec.structs.asdict(await collections.read(request, WebhookChange))
    changes = {name: value for name, value in body.items() if value is not msgspec.UNSET}
    return json_response(shown(await manage_webhooks.change_webhook(services, id, changes)))


async def delete(request: Request, services: Services, id: str) -> Response:
    await manage_webhooks.delete_webhook(services, id)
    return collections.deleted()


async def rotate(request: Request, services: Services, id: str) -> Response:
    made = await manage_webhooks.rotate_secret(services, id)
    return json_response({**shown(made.webhook), "secret": made.secret})


async def test(request: Request, services: Services, id: str) -> Response:
    return json_response(_shown_answer(await manage_webhooks.try_webhook(services, id)))


async def attempts(request: Request, services: Services, id: str) -> Response:
    found = await manage_webhooks.list_attempts(services, id, collections.page(request))
    return collections.listed(found, lambda one: _shown_attempt(one.value))


async def parked(request: Request, services: Services, id: str) -> Response:
    found = await manage_webhooks.list_parked(services, id, collections.page(request))
    return collections.listed(found, lambda one: _shown_parked(*one))


async def resend(request: Request, services: Services, id: str) -> Response:
    resent = await manage_webhooks.resend_parked(services, id)
    left = await manage_webhooks.count_notifications(services, id, "parked")
    return json_response({"resent": resent, "parked": left}, 202)


_ONE = {200: WebhookAnswer}
_SECRET = {200: WebhookWithSecret}
_CREATED = {201: WebhookWithSecret}


def _pages(name: str, handle: Handler, summary: str, item: Any) -> Route:
    return Route(
        "GET", name, handle, summary, scope="read", answers={200: Listed[item]}, parameters=collections.PAGE
    )


ROUTES = [
    _pages("/webhooks", listing, "All webhooks", WebhookAnswer),
    Route("POST", "/webhooks", create, "Create a webhook", "manage", NewWebhook, _CREATED),
    Route("GET", "/webhooks/{id}", get, "One webhook", scope="read", answers={200: WatchedWebhook}),
    Route("PATCH", "/webhooks/{id}", change, "Change a webhook", "manage", WebhookChange, _ONE),
    Route("DELETE", "/webhooks/{id}", delete, "Delete a webhook", "manage", answers={204: None}),
    Route("POST", "/webhooks/{id}/rotate", rotate, "Give it a new secret", "manage", answers=_SECRET),
    Route("POST", "/webhooks/{id}/test", test, "Send it a test event", "manage", answers={200: Tried}),
    _pages("/webhooks/{id}/attempts", attempts, "What was sent to it, and its answers", Attempt),
    _pages("/webhooks/{id}/parked", parked, "What it has not taken", Parked),
    Route("POST", "/webhooks/{id}/resend", resend, "Send what is parked", "manage", answers={202: Resent}),
]
