"""Notify: sends what is waiting for one webhook, again and again until it is taken, parked where it never is.

A request keeps its id for ever, so an endpoint can tell a repetition. One is possible in a crash between the request and
the note of it, as with every delivery that must not be lost; a task delivered twice sends nothing twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.outbox.notifications import notify_task
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.errors import Conflict, Moved
from warmpost.rules.model.writes import Delete, Put, Stored, Update, Write
from warmpost.rules.webhooks.notifications import Notification, bodies, events_in, next_wait
from warmpost.rules.webhooks.webhooks import (
    Answer,
    Webhook,
    WebhookAttempt,
    describe,
    health_after,
    signed_headers,
)

AT_ONCE = 4
WORK = timedelta(seconds=120)
LEASE = WORK + timedelta(seconds=30)
"""Longer than an attempt takes: its time for work and the time limit of its last requests."""

ATTEMPTS_KEPT = timedelta(days=14)
CHANGING = (
    *("payloads", "results", "state", "attempt", "delays"),
    *("since", "next_at", "held_until", "held_by", "first", "error"),
)
"""The fields of a notification that an attempt decides."""


@dataclass(slots=True)
class Round:
    """What came of one attempt. taken: requests by number."""

    answers: list[Answer] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    first: int = 0

    @property
    def failure(self) -> Answer | None:
        return next((one for one in reversed(self.answers) if not one.is_taken), None)


async def notify(services: Services, notification_id: str, attempt: int) -> None:
    """Raises NotStoredYetError, or Conflict or Moved while another worker is at it: the task comes again."""
    path = f"notifications/{notification_id}"
    stored = await services.store.get(Notification, path)
    if stored is None:
        raise NotStoredYetError(path)
    value = stored.value
    if value.state == "waiting" and value.attempt < attempt:
        raise Conflict("not_recorded_yet", "The attempt before this one is not recorded yet.")
    if value.state != "waiting" or value.attempt != attempt:
        return
    now = services.clock.now()
    if value.held_until and value.held_until > now:
        raise Conflict("under_way", "Another worker is sending this.")
    webhook = await services.store.get(Webhook, f"webhooks/{value.webhook}")
    if webhook is None:
        await services.store.commit(Delete(path, stored.version))
        return
    if not webhook.value.is_served:
        reason = webhook.value.disabled_reason or "The webhook is switched off."
        parked = {"state": "parked", "error": reason, "next_at": None}
        await services.store.commit(Update(path, parked, stored.version))
        return
    if wait := services.endpoint_slots.enter(webhook.id, now.timestamp()):
        await services.tasks.enqueue(notify_task(stored.id, attempt, now + timedelta(seconds=wait)))
        return
    await _attempt(services, webhook, stored)


async def _attempt(services: Services, webhook: Stored[Webhook], stored: Stored[Notification]) -> None:
    began, done = services.clock.timestamp(), Round()
    try:
        version = await _lease(services, stored)
        done = await _send(services, webhook, stored)
        await _record(services, webhook, Stored(stored.path, stored.value, version), done)
    finally:
        took = services.clock.timestamp() - began
        slowest = max((one.seconds for one in done.answers), default=0.0)
        services.endpoint_slots.leave(webhook.id, took, slowest)


async def _lease(services: Services, stored: Stored[Notification]) -> Any:
    """The version it holds by. Raises Moved where another worker was faster, but not where the own lease was written and
    only its answer lost: then nobody would send for as long as it lasts."""
    mine = secrets.token_hex(8)
    held = {"held_until": services.clock.now() + LEASE, "held_by": mine}
    try:
        (version,) = await services.store.commit(Update(stored.path, held, stored.version))
    except Moved:
        found = await services.store.get(Notification, stored.path)
        if found is None or found.value.held_by != mine:
            raise
        return found.version
    return version


async def _send(services: Services, webhook: Stored[Webhook], stored: Stored[Notification]) -> Round:
    """Stops when a whole group of requests fails; the next attempt begins behind it."""
    value = stored.value
    packed = bodies(value)
    keys = signing_keys(services, webhook)
    until = services.clock.now() + WORK
    done = Round(first=value.first)

    async def one(number: int) -> Answer:
        id = f"msg_{stored.id}_{number}"
        headers = signed_headers(keys, id, services.clock.timestamp(), packed[number])
        return await services.webhooks.post(webhook.value.url, packed[number], headers)

    for group in _groups(value):
        if services.clock.now() >= until or services.worker_slots.is_closing:
            break
        answers = await asyncio.gather(*(one(number) for number in group))
        done.answers += answers
        done.taken += [number for number, said in zip(group, answers, strict=True) if said.is_taken]
        done.first = (group[-1] + 1) % len(packed)
        if not any(said.is_taken for said in answers) or any(said.is_gone for said in answers):
            break
    return done


def _groups(notification: Notification) -> Iterator[Sequence[int]]:
    """After a failure with a single request, as a trial."""
    numbers = notification.to_do
    if notification.since:
        yield numbers[:1]
        numbers = numbers[1:]
    for start in range(0, len(numbers), AT_ONCE):
        yield numbers[start : start + AT_ONCE]


def signing_keys(services: Services, webhook: Stored[Webhook]) -> list[bytes]:
    """The secret, and for a day after a rotation the one before it."""
    value = webhook.value
    sealed = [value.secret]
    if value.old_until and value.old_until > services.clock.now():
        sealed.append(value.old_secret)
    return [services.encryption.decrypt(one, secret_context(webhook.id)) for one in sealed]


def secret_context(webhook_id: str) -> str:
    """What a sealed secret is bound to."""
    return f"webhook:{webhook_id}"


async def _record(
    services: Services, webhook: Stored[Webhook], stored: Stored[Notification], done: Round
) -> None:
    """The successor's task first: should this end between the two, the task that is being served comes again."""
    now = services.clock.now()
    health = health_after(webhook.value, done.answers, now)
    after = _after(stored.value, done, now, given_up="disabled_at" in health)
    if after.next_at:
        await services.tasks.enqueue(notify_task(stored.id, after.attempt, after.next_at))
    events = events_in(done.taken, stored.value.count, stored.value.per_request)
    writes: list[Write] = [
        Update(stored.path, {name: getattr(after, name) for name in CHANGING}, stored.version),
        attempt_write(webhook.id, stored.id, stored.value.attempt, done, events, now),
    ]
    if health:
        writes.append(Update(webhook.path, health))
    await services.store.commit(*writes)
    if "disabled_at" in health:
        words = f"the webhook {webhook.id} is switched off: {after.error}"
        log_event("webhook_disabled", words, webhook=webhook.id)


def attempt_write(
    webhook_id: str, notification_id: str, attempt: int, done: Round, events: int, now: datetime
) -> Write:
    shown = done.failure or (done.answers[-1] if done.answers else Answer(0, 0.0))
    kept = WebhookAttempt(
        at=now,
        notification=notification_id,
        attempt=attempt,
        requests=len(done.answers),
        events=events,
        status=shown.status,
        milliseconds=round(1000 * shown.seconds),
        error=describe(shown),
        expires_at=now + ATTEMPTS_KEPT,
    )
    return Put(f"webhooks/{webhook_id}/attempts/{notification_id}-{attempt}", kept)


def _after(before: Notification, done: Round, now: datetime, given_up: bool) -> Notification:
    """What is left to do and when: at once, after a while, or not before its owner says so."""
    taken = set(done.taken)
    results = "".join("x" if n in taken else mark for n, mark in enumerate(before.results))
    after = replace(
        before,
        results=results,
        attempt=before.attempt + 1,
        held_until=None,
        held_by="",
        first=done.first,
        next_at=None,
    )
    if "." not in results:
        return replace(after, state="done", payloads=b"", since=None, error="")
    failure = done.failure
    error = describe(failure) if failure else ""
    if given_up:
        return replace(after, state="parked", error=error)
    if failure is None:
        return replace(after, since=None, delays=0, next_at=now, error="")
    since = now if done.taken or before.since is None else before.since
    delays = 0 if done.taken else before.delays
    wait = next_wait(since, now, delays, failure.retry_after)
    if wait is None:
        return replace(after, state="parked", since=since, error=error)
    due = now + timedelta(seconds=wait)
    return replace(after, since=since, delays=delays + 1, next_at=due, error=error)
