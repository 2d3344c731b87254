"""Events as our own users report them, from relays that speak no other form.

The request is signed with the source's secret, so what it names is believed; where it gives the address besides,
the named message must have gone to that address.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from warmpost.errors import Invalid
from warmpost.rules.model.addresses import Flaw, read_address
from warmpost.rules.model.events import Event, ReportedKind, Target
from warmpost.rules.reports.reports import event_id, shorten
from warmpost.rules.reports.verp import NO_POSITION, read_message_id, read_return_path
from warmpost.rules.requests.timestamps import read_moment

MOST_EVENTS = 50_000
MOST_AHEAD = 300.0
"""Seconds that a reporting system's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """As it was written; which ways of naming the message were used is judged by `read_own_event`."""

    kind: ReportedKind
    at: str
    id: str = ""
    to: str = ""
    batch: str = ""
    position: int | None = None
    message: str = ""
    index: int | None = None
    return_path: str = ""
    message_id: str = ""
    code: int = 0
    enhanced_code: str = ""
    text: str = ""
    link: str = ""
    user_agent: str = ""
    machine: bool = False


def read_own_event(written: OwnEvent, field: str, key: bytes, now: float) -> Event:
    """field: where it stands, such as `[3]`, or empty for one that stands alone. Raises Invalid with the field's path."""
    target = _target(written, field, key)
    at = _moment(written.at, field)
    if at > now + MOST_AHEAD:
        raise Invalid("invalid_at", "An event cannot be reported before it happened.", _path(field, "at"))
    parts = (written.id,) if written.id else (written.at, written.code, written.enhanced_code, written.link)
    return Event(
        id=event_id("warmpost", target, written.kind, *parts),
        kind=written.kind,
        at=min(at, now),
        target=target,
        source="warmpost",
        code=written.code,
        enhanced_code=written.enhanced_code,
        text=shorten(written.text),
        link=written.link,
        user_agent=written.user_agent,
        machine=written.machine,
    )


def _moment(text: str, field: str) -> float:
    try:
        return read_moment(text, None, "at").timestamp()
    except Invalid:
        message = f"{text[:100]!r} is no moment; RFC 3339 looks like 2026-03-29T09:00:00+02:00."
        raise Invalid("invalid_at", message, _path(field, "at")) from None


def _target(written: OwnEvent, field: str, key: bytes) -> Target:
    ways = [name for name in ("batch", "message", "return_path", "message_id") if getattr(written, name)]
    if len(ways) > 1:
        raise Invalid("named_twice", f"Name the message by one of {', '.join(ways)}.", _path(field, ways[1]))
    address = _address(written.to, field)
    if ways == ["message_id"] or not ways:
        return _unproven(written, address, field)
    match ways:
        case ["batch"]:
            position = _needed(written.position, "position", field)
            return Target(batch=written.batch, position=position, address=address)
        case ["message"]:
            index = (
                NO_POSITION if written.index is None and address else _needed(written.index, "index", field)
            )
            return Target(message=written.message, position=index, address=address)
    named = read_return_path(written.return_path, key)
    if named is None:
        raise Invalid("unknown_return_path", "This is no return path of ours.", _path(field, "return_path"))
    return replace(named, address=address)


def _unproven(written: OwnEvent, address: str, field: str) -> Target:
    """What a Message-ID names holds only together with the address."""
    named = read_message_id(written.message_id) if written.message_id else Target()
    if named is None:
        raise Invalid("unknown_message_id", "This is no Message-ID of ours.", _path(field, "message_id"))
    if not address:
        raise Invalid(
            "missing_field",
            "Say whose message it was: batch and position, message and index, return_path, message_id and to, or to.",
            _path(field, "to"),
        )
    return replace(named, address=address)


def _address(written: str, field: str) -> str:
    address = read_address(written) if written else ""
    if isinstance(address, Flaw):
        raise Invalid(
            "invalid_address",
            f"{written[:100]!r} is not a mail address: it {address.reason}.",
            _path(field, "to"),
        )
    return address


def _needed(number: int | None, name: str, field: str) -> int:
    if number is None:
        raise Invalid("missing_field", f"The field `{name}` is needed.", _path(field, name))
    return number


def _path(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
