"""What KumoMTA's log hook posts: one record a delivery attempt, bounce or complaint (docs.kumomta.com, "Log Record")."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

from warmpost.errors import Malformed, TooLarge
from warmpost.rules.model.events import Event, EventKind, Target
from warmpost.rules.reports.arf import FEEDBACK
from warmpost.rules.reports.lenient_mime import split_head
from warmpost.rules.reports.reports import (
    Naming,
    ParsedReport,
    bounded,
    event_id,
    read_recipient,
    shorten,
    without_repeats,
)
from warmpost.rules.reports.verp import find_return_path, read_message_id

MOST_RECORDS_BYTES = 5 * 1024 * 1024
MOST_RECORDS = 50_000

KINDS: dict[str, EventKind] = {
    "Delivery": "delivered",
    "Bounce": "bounced",
    "Expiration": "bounced",
    "AdminBounce": "bounced",
    "TransientFailure": "deferred",
    "OOB": "bounced",
}


def parse_kumomta(body: bytes, key: bytes, now: float) -> ParsedReport:
    """One record, an array of records, or one a line. now: epoch seconds, for records that tell no time.

    Raises Malformed where it is no JSON or no records, TooLarge above MOST_RECORDS_BYTES or MOST_RECORDS.
    """
    events: list[Event] = []
    skipped: Counter[str] = Counter()
    for number, record in enumerate(_records(body)):
        if not isinstance(record, dict):
            raise Malformed("invalid_record", "A log record is a JSON object.", f"[{number}]")
        found = _event(record, key, now)
        if isinstance(found, Event):
            events.append(found)
        else:
            skipped[found] += 1
    ignored = "; ".join(f"{count} × {reason}" for reason, count in skipped.most_common(20))
    return ParsedReport(without_repeats(events), ignored)


def _records(body: bytes) -> list[Any]:
    if len(body) > MOST_RECORDS_BYTES:
        raise TooLarge("records_too_large", f"The records may have {MOST_RECORDS_BYTES:,} bytes at most.")
    try:
        text = body.decode()
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            lines = [line for line in text.split("\n") if line.strip()]
            if len(lines) < 2:
                raise
            found = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        reason = str(error)[:200] or "it is nested too deeply"
        raise Malformed("invalid_json", f"The body holds no JSON records: {reason}.") from None
    records = found if isinstance(found, list) else [found]
    if len(records) > MOST_RECORDS:
        raise TooLarge("too_many_records", f"One request may hold {MOST_RECORDS:,} records at most.")
    return records


def _event(record: dict[str, Any], key: bytes, now: float) -> Event | str:
    """The event, or why there is none."""
    kind = _text(record, "type")
    if kind == "Feedback":
        return _complaint(record, key, now)
    if kind not in KINDS:
        return f"a record of type {kind[:50]!r}"
    response = _map(record, "response")
    code = _number(response, "code")
    status = _status(_map(response, "enhanced_code"))
    headers = _map(record, "headers")
    paths = [_text(record, "sender"), *_texts(headers, "Return-Path")]
    paths += _texts(_map(record, "meta"), "return_path")  # the address that a report came to
    naming = _naming(key, paths, _texts(headers, "Message-ID"))
    target = naming.target(_recipient(record))
    if target is None:
        return "a record that names no message and no recipient"
    became = KINDS[kind]
    if kind == "OOB" and status[:1] in ("2", "4"):
        became = "deferred" if status[0] == "4" else "delivered"
    return Event(
        id=_id(record, target, became),
        kind=became,
        at=_time(record, now),
        target=target,
        source="kumomta",
        code=code,
        enhanced_code=status,
        text="" if became == "delivered" else shorten(_said(kind, response)),
        relay=_text(_map(record, "peer_address"), "name").rstrip(".")[:255],
    )


def _complaint(record: dict[str, Any], key: bytes, now: float) -> Event | str:
    report = _map(record, "feedback_report")
    kind = _text(report, "feedback_type").lower()
    if kind not in FEEDBACK:
        return f"feedback of type {kind[:50]!r}"
    original, _ = split_head(_text(report, "original_message")[:100_000].encode("utf-8", "replace"))
    naming = _naming(
        key,
        [*_texts(report, "original_mail_from"), *original.every("return-path"), _text(record, "recipient")],
        original.every("message-id"),
    )
    named = [*_texts(report, "original_rcpto_to"), *_texts(report, "original_rcpt_to")]
    named += _texts(_map(report, "extensions"), "removal-recipient")
    address = next(filter(None, map(read_recipient, named or original.every("to"))), "")
    target = naming.target(address)
    if target is None or not target.is_named:
        return "feedback that names no message of ours"
    became = FEEDBACK[kind]
    agent = _text(report, "user_agent")[:200]
    text = f"feedback type {kind}"
    return Event(
        event_id("kumomta", target, became),
        became,
        _time(record, now),
        target,
        "kumomta",
        text=text,
        user_agent=agent,
    )


def _naming(key: bytes, return_paths: list[str], message_ids: list[str]) -> Naming:
    signed = find_return_path((path[:1000] for path in return_paths), key)
    unsigned = next(filter(None, map(read_message_id, message_ids[:5])), None)
    return Naming(signed, unsigned)


def _id(record: dict[str, Any], target: Target, kind: EventKind) -> str:
    parts = (
        _text(record, "id"),
        _text(record, "type"),
        _number(record, "num_attempts"),
        repr(record.get("timestamp")),
    )
    return event_id("kumomta", target, kind, *parts)


def _said(kind: str, response: dict[str, Any]) -> str:
    """An administrator's bounce is no word of the recipient's server, whatever codes it carries."""
    said = _text(response, "content")
    return f"administrator bounced: {said}" if kind == "AdminBounce" else said


def _recipient(record: dict[str, Any]) -> str:
    return next(filter(None, map(read_recipient, _texts(record, "recipient"))), "")


def _status(parts: dict[str, Any]) -> str:
    if not parts:
        return ""
    return ".".join(str(_number(parts, name)) for name in ("class", "subject", "detail"))


def _time(record: dict[str, Any], now: float) -> float:
    """event_time is the finer one; the timestamp has whole seconds."""
    try:
        return bounded(datetime.fromisoformat(_text(record, "event_time")).timestamp(), now)
    except (ValueError, OverflowError):
        return bounded(float(_number(record, "timestamp")), now)


def _text(record: dict[str, Any], name: str) -> str:
    return next(iter(_texts(record, name)), "")


def _texts(record: dict[str, Any], name: str) -> list[str]:
    """A field that holds one text or a list of them."""
    value = record.get(name)
    values = value if isinstance(value, list) else [value]
    return [each.encode("utf-8", "replace").decode() for each in values[:20] if isinstance(each, str)]


def _map(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _number(record: dict[str, Any], name: str) -> int:
    value = record.get(name)
    return int(value) if isinstance(value, (int, float)) and abs(value) < 1e12 else 0
