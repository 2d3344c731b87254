"""What parsers of reports have in common: their result, ids that repeat with the report, and whom an event is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from warmpost.rules.model.addresses import Flaw, read_address
from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.events import Event, EventKind, Target

MOST_TEXT = 1_000
"""Characters kept of a server's words."""

_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_REPLY = re.compile(
    r"(?<![\w.])(?:(?P<code>[245]\d\d)[ -]{1,3}(?:\(?#?(?P<status>[245]\.\d{1,3}\.\d{1,3})\)?(?![.\d]))?"
    r"|\(?#(?P<bare>[245]\.\d{1,3}\.\d{1,3})(?![.\d]))",
    re.ASCII,
)
_STATUS = re.compile(r"(?<![\w.])[245]\.\d{1,3}\.\d{1,3}(?![.\w])", re.ASCII)


@dataclass(frozen=True, slots=True)
class ParsedReport:
    """events: what the report says of messages of ours. ignored: why it, or a part of it, led to none; empty if nothing was.

    An event's target without an address is proven by a signature (a return path of ours); one with an address only holds
    if the named message went to that address; one with nothing but an address is a last resort.
    """

    events: tuple[Event, ...] = ()
    ignored: str = ""


def ignore(reason: str) -> ParsedReport:
    return ParsedReport((), reason)


def event_id(source: str, target: Target, kind: EventKind, *parts: object) -> str:
    """The same for the same report however often, by whatever way and at whatever time it arrives."""
    who = (target.batch, target.message, target.position, target.address.lower())
    return f"{source}-{short_hash(source, *who, kind, *parts, length=26)}"


def without_repeats(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple({event.id: event for event in events}.values())


@dataclass(frozen=True, slots=True)
class Naming:
    """Whom a report can be about, strongest first: a signed return path, then a Message-ID of ours, then an address."""

    signed: Target | None = None
    unsigned: Target | None = None

    def target(self, address: str) -> Target | None:
        if self.signed is not None:
            return self.signed
        if not address:
            return None
        return replace(self.unsigned or Target(), address=address)


def read_time(text: str, now: float) -> float:
    """RFC 5322 date to epoch seconds; `now` for what is no date, or lies in the future, or before this century."""
    try:
        moment = parsedate_to_datetime(text[:100])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return bounded(moment.timestamp(), now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return now


_THIS_CENTURY = datetime(2000, 1, 1, tzinfo=UTC).timestamp()


def bounded(at: float, now: float) -> float:
    return at if _THIS_CENTURY <= at <= now else now


def read_recipient(field: str) -> str:
    """The address of a field such as `rfc822; user@example.org` (RFC 3464 section 2.3.2); empty where there is none."""
    kind, found, text = field.partition(";")
    text = text if found else kind
    if kind.strip().lower() == "utf-8":
        text = re.sub(r"\\x\{([0-9A-Fa-f]{2,6})\}", _unicode, text)
    elif found:
        text = _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)
    address = read_address(text.strip().strip("<>").strip().strip("'")[:400])
    return "" if isinstance(address, Flaw) else address


def _unicode(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def read_reply(text: str) -> tuple[int, str]:
    """Reply code and enhanced status code of a server's words, wherever they stand in the text; 0 and empty for none."""
    code, status = 0, ""
    for match in _REPLY.finditer(text[:MOST_TEXT]):
        if match["code"] and not code and match["code"][0] != "2":
            code, status = int(match["code"]), match["status"] or status
        status = status or match["bare"] or ""
        if code and status:
            break
    bare = None if status else _STATUS.search(text[:MOST_TEXT])
    return code, bare[0] if bare else status


def words_of(said: str, code: int) -> str:
    """A server's words as `smtp_replies.parse_reply` gives them: without the codes before each of their lines."""
    line = shorten(said)
    if not code:
        return line
    status = r"[245]\.\d{1,3}\.\d{1,3}(?![.\d])\s*"
    return re.sub(rf"^{code}[ -]\s*(?:{status})?|(?<=\s){code}(?:-\s*(?:{status})?| {status})", "", line)


def shorten(text: str) -> str:
    """In one line of at most MOST_TEXT readable characters."""
    line = " ".join(text[: MOST_TEXT * 4].split())[:MOST_TEXT]
    return line if line.isprintable() else "".join(char if char.isprintable() else " " for char in line)
