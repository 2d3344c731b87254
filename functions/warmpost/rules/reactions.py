"""What was reported of a chunk's or message's recipients, beside what the worker recorded.

The worker writes its progress, the fold writes this: neither ever waits for the other. A report has a rank, and the
highest rank that was ever reported holds, so that order, repetition and grouping of events cannot change the end.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from warmpost.rules.events import Event
from warmpost.rules.statuses import Status

NONE = " "
RANKS: dict[str, Status | None] = {
    NONE: None,
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


@dataclass(frozen=True, slots=True)
class Reactions:
    """reported: one mark a recipient. readers: how often, by what they did and position. seen: hashes of applied events.

    notes: the last reported words by position: (at, code, enhanced code, text).
    """

    reported: str
    readers: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    seen: frozenset[int] = frozenset()
    notes: Mapping[int, tuple[float, int, str, str]] = field(default_factory=dict)

    def did(self, reader: str, position: int) -> bool:
        return position in self.readers.get(reader, {})


def nothing_reported(count: int) -> Reactions:
    return Reactions(NONE * count)


def event_hash(event: Event) -> int:
    return zlib.crc32(f"{event.id}\x1f{event.kind}".encode())


def mark_of(event: Event, is_hard: bool) -> str:
    """What an event reports of the status; a space for reader actions."""
    match event.kind:
        case "delivered":
            return "d"
        case "deferred":
            return "t"
        case "bounced":
            return "b" if is_hard else "o"
        case "complained":
            return "c"
        case _:
            return NONE


def apply(reactions: Reactions, position: int, event: Event, is_hard: bool) -> Reactions:
    """The reactions with one event more; the same event again changes nothing."""
    number = event_hash(event)
    if number in reactions.seen:
        return reactions
    mark = mark_of(event, is_hard)
    reported, notes = reactions.reported, dict(reactions.notes)
    if _ORDER[mark] > _ORDER[reported[position]]:
        reported = reported[:position] + mark + reported[position + 1 :]
        if event.text or event.code:
            notes[position] = (event.at, event.code, event.enhanced_code, event.text[:300])
    readers = dict(reactions.readers)
    for name in _read(event):
        before = readers.get(name, {})
        readers[name] = {**before, position: before.get(position, 0) + 1}
    return replace(
        reactions,
        reported=reported,
        notes=notes,
        readers=readers,
        seen=reactions.seen | {number},
    )


def _read(event: Event) -> tuple[str, ...]:
    if event.kind in ("opened", "clicked"):
        return (f"machine_{event.kind}",) if event.machine else (event.kind,)
    return ("unsubscribed",) if event.kind == "unsubscribed" else ()


def combined(base: Status, reactions: Reactions, position: int) -> Status:
    """What a recipient's status is, from what the worker recorded and what was reported since."""
    mark = reactions.reported[position]
    reported = RANKS[mark]
    match base:
        case Status.SENT:
            return reported or base
        case Status.UNCERTAIN:
            acted = reactions.did("opened", position) or reactions.did("clicked", position)
            return reported or (Status.DELIVERED if acted else base)
        case Status.DELIVERED:
            return reported if reported and _ORDER[mark] > _ORDER["d"] else base
        case Status.BOUNCED:
            return Status.COMPLAINED if reported is Status.COMPLAINED else base
        case _:
            return base
