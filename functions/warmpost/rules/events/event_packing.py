"""Events and reported status as bytes, for the documents that keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from warmpost.rules.events.reported_status import ReportedStatus
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.model.events import Event, Target

MOST_PACKED = 900_000


def pack_events(events: Sequence[Event]) -> bytes:
    return deflate([list(astuple(event)) for event in events])


def unpack_events(packed: bytes) -> list[Event]:
    return [Event(id, kind, at, Target(*target), *rest) for id, kind, at, target, *rest in inflate(packed)]


def pack_reported_status(reported: ReportedStatus) -> bytes:
    return deflate(
        {
            "marks": reported.marks,
            "readers": {
                name: {str(position): times for position, times in did.items()}
                for name, did in reported.readers.items()
            },
            "seen": sorted(reported.seen),
            "notes": {str(position): list(words) for position, words in reported.notes.items()},
        }
    )


def unpack_reported_status(packed: bytes) -> ReportedStatus:
    raw: dict[str, Any] = inflate(packed)
    return ReportedStatus(
        marks=raw["marks"],
        readers={
            name: {int(position): times for position, times in did.items()}
            for name, did in raw["readers"].items()
        },
        seen=frozenset(raw["seen"]),
        notes={
            int(position): (at, code, enhanced, text)
            for position, (at, code, enhanced, text) in raw["notes"].items()
        },
    )
