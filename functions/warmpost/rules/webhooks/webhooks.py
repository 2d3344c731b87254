"""Customers' endpoints: whose events they get, how requests to them are signed, and when one is given up.

Requests have the Standard Webhooks form (standardwebhooks.com, specification 1.0).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from warmpost.rules.model.writes import Stored
from warmpost.rules.webhooks.notifications import KINDS

WHSEC = "whsec_"
SECRET_BYTES = 32
OLD_SECRET_SIGNS = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(days=3)
MOST_BATCH = 100

State = Literal["active", "failing", "disabled", "off"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """`webhooks/{id}`. events: kinds it gets, none for all. secret, old_secret: sealed; the old one signs along a while.

    sender, domain: it serves only that sender address or sender domain; both empty for the whole account.
    batch_size: 1 for single objects as bodies, more for arrays of up to so many. enabled: the owner's wish.
    failing_since: no request succeeded since. disabled_at, disabled_reason: given up, until the owner enables it again.
    """

    url: str
    secret: bytes = field(repr=False)
    created_at: datetime
    events: tuple[str, ...] = ()
    sender: str = ""
    domain: str = ""
    batch_size: int = 1
    enabled: bool = True
    old_secret: bytes = field(repr=False, default=b"")
    old_until: datetime | None = None
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: str = ""

    @property
    def state(self) -> State:
        if not self.enabled:
            return "off"
        if self.disabled_at:
            return "disabled"
        return "failing" if self.failing_since else "active"

    @property
    def is_served(self) -> bool:
        return self.enabled and self.disabled_at is None


@dataclass(frozen=True, slots=True)
class WebhookAttempt:
    """`webhooks/{id}/attempts/{notification}-{attempt}`: requests: made, of which the last failed one is described.

    events: how many were delivered by it. status: 0 where there was no answer.
    """

    at: datetime
    notification: str
    attempt: int
    requests: int
    events: int
    status: int
    milliseconds: int
    error: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said. status: 0 for none, then `error` says why. retry_after: seconds it asked for, else 0."""

    status: int
    seconds: float
    error: str = ""
    retry_after: float = 0.0

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The endpoint wants no more, for ever (RFC 9110 section 15.5.11)."""
        return self.status == 410


def webhooks_for(
    webhooks: Iterable[Stored[Webhook]], kind: str, sender: str, domain: str
) -> list[Stored[Webhook]]:
    """The narrowest win: those of the sender address, else those of its domain, else those of the account.

    One that its owner switched off is as good as none. One that was given up still counts as there: what it misses is
    parked for it, not told to another.
    """
    there = [one for one in webhooks if one.value.enabled]
    circles = (
        [one for one in there if sender and one.value.sender.lower() == sender.lower()],
        [one for one in there if domain and one.value.domain == domain],
        [one for one in there if not one.value.sender and not one.value.domain],
    )
    chosen = next((circle for circle in circles if circle), [])
    return [one for one in chosen if kind in (one.value.events or KINDS)]


def write_secret(key: bytes) -> str:
    """24 to 64 bytes, as owners put them into their libraries."""
    return WHSEC + base64.b64encode(key).decode()


def signed_headers(keys: Sequence[bytes], message_id: str, at: float, body: bytes) -> dict[str, str]:
    """at: epoch seconds of this attempt; the id is the same with every attempt. A signature for each key."""
    second = str(int(at))
    signed = b".".join((message_id.encode(), second.encode(), body))
    digests = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": second,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in digests),
    }


def health_after(webhook: Webhook, answers: Sequence[Answer], now: datetime) -> dict[str, object]:
    """What changes of the webhook after an attempt: nothing as a rule, so that busy ones are not written all the time."""
    if any(one.is_gone for one in answers):
        reason = "The endpoint answered 410 Gone: it wants no more notifications."
        return {"disabled_at": now, "disabled_reason": reason, "failing_since": webhook.failing_since or now}
    if any(one.is_taken for one in answers):
        return {"failing_since": None} if webhook.failing_since else {}
    if not answers:
        return {}
    since = webhook.failing_since
    if since is None:
        return {"failing_since": now}
    if now - since < GIVEN_UP_AFTER:
        return {}
    reason = f"No request was taken since {since:%Y-%m-%d %H:%M} UTC; the last one failed: {describe(answers[-1])}."
    return {"disabled_at": now, "disabled_reason": reason}


def describe(answer: Answer) -> str:
    return answer.error or ("" if answer.is_taken else f"status {answer.status}")
