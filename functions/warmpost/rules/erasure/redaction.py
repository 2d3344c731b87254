"""An address taken out of what is kept, so that counts, positions and everything about others stay as they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.progress import Detail, Progress
from warmpost.rules.events.reported_status import ReportedStatus
from warmpost.rules.model.addresses import ERASED
from warmpost.rules.model.compression import deflate
from warmpost.rules.model.events import Event

NO_HASH = 0
"""By which nothing is looked for."""


def mentions(address: str) -> re.Pattern[str]:
    """The address by itself: `ann@example.net` is no part of `joann@example.net`."""
    return re.compile(rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)", re.IGNORECASE)


def without(value: Any, wanted: re.Pattern[str]) -> Any:
    """A JSON value in which ERASED stands for the address, in texts and in names of fields."""
    if isinstance(value, str):
        return wanted.sub(ERASED, value)
    if isinstance(value, Mapping):
        return {without(name, wanted): without(one, wanted) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [without(one, wanted) for one in value]
    return value


def erase_from_chunk(chunk: Chunk, address: str) -> tuple[Chunk, Sequence[int]]:
    """The chunk without the address and its variables, and the places where it stood."""
    recipients = unpack(chunk)
    places = [place for place, one in enumerate(recipients) if one.address.lower() == address]
    rows = [
        [ERASED] if place in places else [one.address, one.data] if one.data else [one.address]
        for place, one in enumerate(recipients)
    ]
    hashes = _without_places(chunk.hashes, places)
    return replace(chunk, recipients=deflate(rows), hashes=hashes), places


def erase_addresses(
    addresses: Sequence[str], hashes: Sequence[int], address: str
) -> tuple[list[str], list[int]]:
    places = [place for place, one in enumerate(addresses) if one.lower() == address]
    named = [ERASED if place in places else one for place, one in enumerate(addresses)]
    return named, list(_without_places(hashes, places))


def _without_places(hashes: Sequence[int], places: Collection[int]) -> tuple[int, ...]:
    return tuple(NO_HASH if place in places else one for place, one in enumerate(hashes))


def forget_words(progress: Progress, places: Iterable[int]) -> Progress:
    """Without what servers said of these recipients; codes and moments stay."""
    details: dict[int, Detail] = dict(progress.details)
    for place in places:
        if found := details.get(place):
            details[place] = replace(found, notes=tuple(replace(note, text="") for note in found.notes))
    return replace(progress, details=details)


def forget_reported_words(reported: ReportedStatus, places: Iterable[int]) -> ReportedStatus:
    notes = dict(reported.notes)
    for place in places:
        if place in notes:
            at, code, enhanced_code, _ = notes[place]
            notes[place] = (at, code, enhanced_code, "")
    return replace(reported, notes=notes)


Places = Collection[tuple[str, int]]
"""Batches and messages, by path, with a position in each."""


def erase_from_event(event: Event, wanted: re.Pattern[str], places: Places) -> Event:
    """Words, link and browser of a report about one of the places go; the address goes wherever it is named."""
    target = event.target
    path = f"batches/{target.batch}" if target.batch else f"messages/{target.message}"
    if (path, target.position) in places or wanted.fullmatch(target.address):
        event = replace(event, text="", link="", user_agent="")
    return replace(
        event,
        id=without(event.id, wanted),
        target=replace(target, address=without(target.address, wanted)),
        text=without(event.text, wanted),
        link=without(event.link, wanted),
    )
