"""Events and reactions as bytes, for the documents that keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from warmpost.rules.events.reported_status import Reactions
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.model.events import Event, Target

MOST_PACKED = 900_000


def pack_events(events: Sequence[Event]) -> bytes:
    return deflate([list(astuple(event)) for event in events])


def unpack_events(packed: bytes) -> list[Event]:
    return [Event(id, kind, at, Target(*target), *rest) for id, kind, at, target, *rest in inflate(packed)]


def pack_reactions(reactions: Reactions) -> bytes:
    return deflate(
        {
            "reported": reactions.reported,
            "readers": {
                name: {str(position): times for position, times in did.items()}
                for name, did in reactions.readers.items()
            },
            "seen": sorted(reactions.seen),
            "notes": {str(position): list(words) for position, words in reactions.notes.items()},
        }
    )


def unpack_reactions(packed: bytes) -> Reactions:
    raw: dict[str, Any] = inflate(packed)
    return Reactions(
        reported=raw["reported"],
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
