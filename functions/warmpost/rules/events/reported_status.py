"""What was reported of a chunk's or message's recipients, beside what the worker recorded.

The worker writes its progress, the ingest writes this: neither ever waits for the other. A report has a rank, and the
highest rank that was ever reported holds, so that order, repetition and grouping of events cannot change the end.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from warmpost.rules.delivery.statuses import Status
from warmpost.rules.model.events import Event

NONE = " "
GIVEN_UP = "f"
RANKS: dict[str, Status | None] = {
    NONE: None,
    "f": Status.FAILED,  # the sender gave up an uncertain recipient; says nothing of others
    "t": Status.DEFERRED,
    "o": Status.BOUNCED,  # soft: the address may be good
    "d": Status.DELIVERED,
    "b": Status.BOUNCED,  # hard
    "c": Status.COMPLAINED,
}
"""Marks in order of rank. A soft bounce after a delivery changes nothing, a hard one does."""

_ORDER = {mark: rank for rank, mark in enumerate(RANKS)}

OPEN_ENDED = frozenset({Status.QUEUED, Status.SENDING, Status.DEFERRED})
"""The worker is not done with the recipient: what is reported waits until it is."""

READERS = ("opened", "clicked", "unsubscribed", "machine_opened", "machine_clicked")

MOST_TEXT = 500
"""Characters of what a server said that are kept, and so all that it is judged by."""

MOST_ACTS = 50
"""Of one kind that are counted of one recipient: who loads a picture for ever does not make a document grow for ever."""

MOST_KNOWN = 200
"""Events of one recipient beyond which further deferrals are nothing new."""

Words = tuple[float, int, str, str]


@dataclass(frozen=True, slots=True)
class ReportedStatus:
    """marks: one a recipient. readers: how often, by what they did and position.

    seen: numbers of applied events. notes: what came with the mark that holds: (at, code, enhanced code, text).
    """

    marks: str
    readers: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    seen: frozenset[int] = frozenset()
    notes: Mapping[int, Words] = field(default_factory=dict)

    def did(self, reader: str, position: int) -> bool:
        return position in self.readers.get(reader, {})

    def did_anything(self, position: int) -> bool:
        return any(position in positions for positions in self.readers.values())


def nothing_reported(count: int) -> ReportedStatus:
    return ReportedStatus(NONE * count)


def event_number(position: int, event: Event) -> int:
    """Tells an event from the others of its recipient."""
    return position << 32 | zlib.crc32(f"{event.id}\x1f{event.kind}".encode())


def mark_of(event: Event, is_hard: bool) -> str:
    """What an event reports of the status; a space for reader actions, and for what is the worker's own record already."""
    if event.source == "worker":
        return NONE
    match event.kind:
        case "delivered":
            return "d"
        case "deferred":
            return "t"
        case "bounced":
            return "b" if is_hard else "o"
        case "complained":
            return "c"
        case "dropped":
            return GIVEN_UP
        case _:
            return NONE


def apply_all(
    reported: ReportedStatus, events: Iterable[tuple[int, Event]], is_hard: Callable[[Event], bool]
) -> tuple[ReportedStatus, list[tuple[int, Event]]]:
    """The report with more events, each with its position, and those among them that were not known before."""
    marks, seen, notes = list(reported.marks), set(reported.seen), dict(reported.notes)
    readers = {name: dict(positions) for name, positions in reported.readers.items()}
    known = Counter(number >> 32 for number in seen)
    fresh: list[tuple[int, Event]] = []
    for position, event in events:
        number = event_number(position, event)
        acts = readers.setdefault(name, {}) if (name := _act(event)) else {}
        enough = acts.get(position, 0) >= MOST_ACTS or (
            event.kind == "deferred" and known[position] >= MOST_KNOWN
        )
        if number in seen or enough:
            continue
        seen.add(number)
        known[position] += 1
        fresh.append((position, event))
        if name:
            acts[position] = acts.get(position, 0) + 1
        mark = mark_of(event, is_hard(event))
        words = (event.at, event.code, event.enhanced_code, event.text[:MOST_TEXT])
        if mark != NONE and _outranks(mark, words, marks[position], notes.get(position)):
            marks[position], notes[position] = mark, words
    return ReportedStatus("".join(marks), readers, frozenset(seen), notes), fresh


def _outranks(mark: str, words: Words, holds: str, its_words: Words | None) -> bool:
    """Of two reports of one rank the later one's words hold, so that figures do not depend on who came first."""
    return _ORDER[mark] > _ORDER[holds] or (mark == holds and (its_words is None or words > its_words))


def _act(event: Event) -> str:
    if event.kind in ("opened", "clicked"):
        return f"machine_{event.kind}" if event.machine else event.kind
    return "unsubscribed" if event.kind == "unsubscribed" else ""


def combined(base: Status, reported: ReportedStatus, position: int) -> Status:
    """What a recipient's status is, from what the worker recorded and what was reported since."""
    mark = reported.marks[position]
    told = RANKS[mark] if mark != GIVEN_UP or base is Status.UNCERTAIN else None
    match base:
        case Status.SENT:
            return told or base
        case Status.UNCERTAIN if reported.did_anything(position) and _ORDER[mark] < _ORDER["d"]:
            return Status.DELIVERED
        case Status.UNCERTAIN:
            return told or base
        case Status.DELIVERED:
            return told if told and _ORDER[mark] > _ORDER["d"] else base
        case Status.BOUNCED:
            return Status.COMPLAINED if told is Status.COMPLAINED else base
        case _:
            return base
