"""`/manage/webhooks`: customers' endpoints that are told what became of messages.

What they are sent is described in `rules.notifications`, how it is signed in `rules.webhooks`.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.gateways.http import Route, json_response
from warmpost.gateways.manage import bodies
from warmpost.rules.notifications import KINDS, Told, events_left
from warmpost.rules.webhooks import MOST_BATCH, Answer, Webhook, WebhookAttempt, describe
from warmpost.rules.writes import Stored
from warmpost.sending import manage_webhooks
from warmpost.sending.list_documents import Page
from warmpost.sending.manage_webhooks import RECENT, Wish
from warmpost.sending.ports import Services

BatchSize = Annotated[int, msgspec.Meta(ge=1, le=MOST_BATCH)]
Unset = msgspec.UnsetType


class NewWebhook(bodies.Body):
    """events: none for all, those to come included. sender: `from`. from, domain: none for the whole account."""

    url: str
    events: tuple[Told, ...] = ()
    sender: str = msgspec.field(default="", name="from")
    domain: str = ""
    batch_size: BatchSize = 1
    enabled: bool = True


class WebhookChange(bodies.Body):
    url: str | Unset = msgspec.UNSET
    events: tuple[Told, ...] | Unset = msgspec.UNSET
    batch_size: BatchSize | Unset = msgspec.UNSET
    enabled: bool | Unset = msgspec.UNSET


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
        "expires_at": row["expires_at"],
        "error": row["error"] or None,
    }


async def create(request: Request, services: Services) -> Response:
    body = await bodies.read(request, NewWebhook)
    made = await manage_webhooks.create_webhook(services, Wish(**msgspec.structs.asdict(body)))
    return json_response({**shown(made.webhook), "secret": made.secret}, 201)


async def listing(request: Request, services: Services) -> Response:
    return bodies.listed(await manage_webhooks.list_webhooks(services, bodies.page(request)), shown)


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
    body = msgspec.structs.asdict(await bodies.read(request, WebhookChange))
    changes = {name: value for name, value in body.items() if value is not msgspec.UNSET}
    return json_response(shown(await manage_webhooks.change_webhook(services, id, changes)))


async def delete(request: Request, services: Services, id: str) -> Response:
    await manage_webhooks.delete_webhook(services, id)
    return bodies.deleted()


async def rotate(request: Request, services: Services, id: str) -> Response:
    made = await manage_webhooks.rotate_secret(services, id)
    return json_response({**shown(made.webhook), "secret": made.secret})


async def test(request: Request, services: Services, id: str) -> Response:
    return json_response(_shown_answer(await manage_webhooks.try_webhook(services, id)))


async def attempts(request: Request, services: Services, id: str) -> Response:
    found = await manage_webhooks.list_attempts(services, id, bodies.page(request))
    return bodies.listed(found, lambda one: _shown_attempt(one.value))


async def parked(request: Request, services: Services, id: str) -> Response:
    found = await manage_webhooks.list_parked(services, id, bodies.page(request))
    return bodies.listed(found, lambda one: _shown_parked(*one))


async def resend(request: Request, services: Services, id: str) -> Response:
    resent = await manage_webhooks.resend_parked(services, id)
    left = await manage_webhooks.count_notifications(services, id, "parked")
    return json_response({"resent": resent, "parked": left}, 202)


ROUTES = [
    Route("GET", "/webhooks", listing),
    Route("POST", "/webhooks", create),
    Route("GET", "/webhooks/{id}", get),
    Route("PATCH", "/webhooks/{id}", change),
    Route("DELETE", "/webhooks/{id}", delete),
    Route("POST", "/webhooks/{id}/rotate", rotate),
    Route("POST", "/webhooks/{id}/test", test),
    Route("GET", "/webhooks/{id}/attempts", attempts),
    Route("GET", "/webhooks/{id}/parked", parked),
    Route("POST", "/webhooks/{id}/resend", resend),
]
