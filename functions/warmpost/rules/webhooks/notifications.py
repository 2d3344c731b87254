"""What customers' systems are told: one JSON shape per event, packed hundreds to a document until it is taken.

The shape holds our own fields and, beside them under their own names, those of Tencent SES's callbacks, so that a
receiver written for those needs no change:

    {"id": "evt_…", "type": "bounced", "at": "2026-03-01T09:00:00.000Z", "to": "nobody@example.net",
     "batch": "7" | "message": "…", "tags": {…}, "reply": {"code": 550, "enhanced_code": "5.1.1", "text": "…"},
     "bounce_class": "unknown_user", "machine": false, "simulated": false,
     "event": "bounce", "eventid": 3, "email": "nobody@example.net", "bulkId": "7", "timestamp": 1772355600,
     "sentTimestamp": 1772355590, "reason": "550 5.1.1 …", "bounceType": "hard_bounce", "link": "…",
     "useragent": "…", "username": "<project>", "from": "news@example.com", "fromDomain": "example.com",
     "templateId": 4, "subject": "…", "messageId": "…", "taskId": 7}

`id` is the same however often an event is told. Fields that have nothing to say are left out, except `tags`, `machine`
and `simulated`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, get_args

from warmpost.rules.message.headers import encode_unstructured, unfold
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.model.derived_ids import short_hash

Told = Literal[
    "sent",
    "delivered",
    "bounced",
    "deferred",
    "dropped",
    "complained",
    "unsubscribed",
    "resubscribed",
    "opened",
    "clicked",
    "records_broken",
    "records_restored",
    "domain_suspended",
    "domain_resumed",
]
"""sent: taken by the relay, whose words name it in its queue. dropped: given up without a relay's refusal. records_…,
domain_…: of a sender domain and its DNS records."""

ON_REQUEST = ("sent",)
"""Told only to those who name it."""
KINDS: tuple[str, ...] = tuple(kind for kind in get_args(Told) if kind not in ON_REQUEST)
TEST = "test"

_TENCENT: dict[str, tuple[str, int]] = {
    "delivered": ("delivered", 1),
    "dropped": ("dropped", 2),
    "bounced": ("bounce", 3),
    "opened": ("open", 4),
    "clicked": ("click", 5),
    "complained": ("spamreport", 6),
    "unsubscribed": ("unsubscribe", 7),
    "deferred": ("deferred", 8),
}

MOST_EVENTS = 500
MOST_PAYLOAD_BYTES = 600_000
"""Of JSON before deflating, in one document."""

MOST_LINK = 8192
MOST_TEXT = 2000

DELAYS = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0)
"""Seconds before the second, third, … attempt; the last one repeats."""

PARKED_AFTER = timedelta(days=3)
MOST_WAIT = 36000.0


@dataclass(frozen=True, slots=True)
class NotificationEvent:
    """An event that was applied, with all that is known of its message. at, sent_at: epoch seconds; sent_at 0: unknown.

    event_id: the report's, which need not be unique over kinds and recipients. sender: address. domain: of the sender
    where there is no sender. template: id. hard: a bounce that says the address is bad. reason: words where there is no
    server's reply.
    """

    kind: Told
    at: float
    event_id: str
    to: str = ""
    message_id: str = ""
    batch: str = ""
    message: str = ""
    sender: str = ""
    domain: str = ""
    subject: str = ""
    template: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    code: int = 0
    enhanced_code: str = ""
    text: str = ""
    bounce_class: str = ""
    hard: bool = False
    link: str = ""
    user_agent: str = ""
    machine: bool = False
    simulated: bool = False
    sent_at: float = 0.0

    @property
    def from_address(self) -> str:
        """Without a display name."""
        return self.sender.rpartition("<")[2].rstrip("> ")

    @property
    def from_domain(self) -> str:
        return self.domain or domain_of(self.from_address).lower()

    @property
    def public_id(self) -> str:
        who = (self.event_id, self.kind, self.batch, self.message, self.to, self.domain)
        return f"evt_{short_hash(*who, length=26)}"


@dataclass(frozen=True, slots=True)
class Notification:
    """`notifications/{id}`: events for one webhook until it has taken them.

    payloads: deflated lines of JSON, empty when all are taken. per_request: how many go into one body, fixed here so
    that a request's id means the same body for ever. results: a character a request, `.` to do, `x` taken.
    attempt: the one that is due; a task for another is late. delays: how many waits in a row. since: of the first
    failure in a row. held_until, held_by: an attempt is under way. first: the request the next attempt begins with.
    """

    webhook: str
    payloads: bytes
    count: int
    per_request: int
    results: str
    state: Literal["waiting", "parked", "done"]
    created_at: datetime
    expires_at: datetime
    attempt: int = 1
    delays: int = 0
    since: datetime | None = None
    next_at: datetime | None = None
    held_until: datetime | None = None
    held_by: str = ""
    first: int = 0
    error: str = ""

    @property
    def to_do(self) -> list[int]:
        """Requests not taken yet, beginning with `first` and round to it: one that always fails holds up no other."""
        waiting = [number for number, mark in enumerate(self.results) if mark != "x"]
        return [n for n in waiting if n >= self.first] + [n for n in waiting if n < self.first]


def payload(one: NotificationEvent, account: str) -> dict[str, object]:
    """The documented shape. account: what `username` says."""
    reply = {"code": one.code, "enhanced_code": one.enhanced_code, "text": one.text[:MOST_TEXT]}
    shape: dict[str, object] = {
        "id": one.public_id,
        "type": one.kind,
        "at": rfc3339(one.at),
        "to": one.to,
        "batch": one.batch,
        "message": one.message,
        "reply": {name: part for name, part in reply.items() if part},
        "bounce_class": one.bounce_class,
    }
    said = " ".join(str(part) for part in reply.values() if part)
    shown = {name: value for name, value in (shape | _tencent_fields(one, said, account)).items() if value}
    return shown | {"tags": dict(one.tags), "machine": one.machine, "simulated": one.simulated}


def _tencent_fields(one: NotificationEvent, reason: str, account: str) -> dict[str, object]:
    """Under the names of Tencent SES's callbacks: what was written for those goes on working."""
    event, number = _TENCENT.get(one.kind, (one.kind, 0))
    bounced = one.kind == "bounced"
    return {
        "event": event,
        "eventid": number,
        "email": one.to,
        "bulkId": one.message or one.batch,
        "timestamp": int(one.at),
        "sentTimestamp": int(one.sent_at),
        "reason": reason,
        "bounceType": ("hard_bounce" if one.hard else "soft_bounce") if bounced else "",
        "link": one.link[:MOST_LINK],
        "useragent": one.user_agent[:MOST_TEXT],
        "username": account,
        "from": one.from_address,
        "fromDomain": one.from_domain,
        "templateId": _number(one.template),
        "subject": _encoded_subject(one.subject),
        "messageId": one.message_id,
        "taskId": _number(one.batch),
    }


def rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(id: str) -> int:
    return int(id) if id.isascii() and id.isdigit() else 0


@lru_cache(maxsize=1000)
def _encoded_subject(text: str) -> str:
    """As encoded words (RFC 2047) where it is not ASCII."""
    plain = " ".join(text.encode("utf-8", "replace").decode().split())
    return unfold(encode_unstructured(plain, 0)).decode("ascii") if plain else ""


def line_of(shape: Mapping[str, object]) -> bytes:
    return json.dumps(shape, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def bundles(lines: Sequence[bytes], per_request: int) -> Iterator[Sequence[bytes]]:
    """As many lines as one document holds, in order."""
    most = max(MOST_EVENTS // per_request, 1) * per_request
    start = size = 0
    for end, line in enumerate(lines):
        if end > start and (end - start >= most or size + len(line) > MOST_PAYLOAD_BYTES):
            yield lines[start:end]
            start, size = end, 0
        size += len(line) + 1
    if start < len(lines):
        yield lines[start:]


def pack_lines(lines: Sequence[bytes]) -> bytes:
    return zlib.compress(b"\n".join(lines), 1)


def bodies(notification: Notification) -> list[bytes]:
    """The body of every request: one object, or an array where a webhook wants several."""
    lines = zlib.decompress(notification.payloads).split(b"\n")
    size = notification.per_request
    if size == 1:
        return lines
    return [b"[" + b",".join(lines[at : at + size]) + b"]" for at in range(0, len(lines), size)]


def events_in(requests: Iterable[int], count: int, per_request: int) -> int:
    """How many of a notification's `count` events go into those of its requests."""
    return sum(min(per_request, count - number * per_request) for number in requests)


def events_left(results: str, count: int, per_request: int) -> int:
    return events_in((n for n, mark in enumerate(results) if mark != "x"), count, per_request)


def next_wait(since: datetime, now: datetime, delays: int, asked: float = 0.0) -> float | None:
    """Seconds until the attempt after this failure, None when patience is over. asked: by the endpoint (Retry-After).

    The last attempt comes when patience ends, however long the wait before it would have been.
    """
    left = (since + PARKED_AFTER - now).total_seconds()
    if left <= 0:
        return None
    planned = DELAYS[min(delays, len(DELAYS) - 1)]
    return min(max(planned, min(asked, MOST_WAIT)), left)
