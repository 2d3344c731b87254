"""Finds the chunk or message that events are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from warmpost.actions.batches.sent_to import newest_target
from warmpost.actions.context import Services
from warmpost.actions.storage.gather import gather_limited
from warmpost.rules.delivery.chunks import MOST_RECIPIENTS
from warmpost.rules.model.events import Event, Target

MOST_OF_A_BATCH = 2**31
BY_MAIL = ("dsn", "arf")
"""Sources whose content anybody can send by mail: an address alone proves nothing there."""


@dataclass(frozen=True, slots=True)
class Place:
    """One document of recipients. chunk: empty for a message. first, count: what of the batch the chunk holds."""

    batch: str = ""
    chunk: str = ""
    first: int = 0
    count: int = 0
    message: str = ""

    @property
    def path(self) -> str:
        return f"messages/{self.message}" if self.message else f"batches/{self.batch}"

    @property
    def progress_path(self) -> str:
        return self.path if self.message else f"{self.path}/progress/{self.chunk}"

    @property
    def reported_status_path(self) -> str:
        return f"{self.path}/reported_status/{self.chunk or 'all'}"


async def place_events(services: Services, events: Sequence[Event]) -> Mapping[Place, list[Event]]:
    """Events by place, in order; those about nothing that was sent from here, or proven by nothing, are left out."""
    events = [event for event in events if event.target.is_named or event.source not in BY_MAIL]
    strays = list(dict.fromkeys(_stray(event) for event in events if not event.target.is_named))
    newest = await gather_limited(newest_target(services, *one) for one in strays)
    meant = dict(zip(strays, newest, strict=True))
    placed: dict[Place, list[Event]] = defaultdict(list)
    known: dict[tuple[str, int], Place | None] = {}
    for event in events:
        target = event.target if event.target.is_named else meant[_stray(event)]
        place = await _find(services, target, known) if target and _can_exist(target) else None
        if place is not None and target is not None:
            placed[place].append(replace(event, target=target))
    return placed


def _stray(event: Event) -> tuple[str, datetime]:
    """To the minute, so that many reports about one address ask once."""
    return event.target.address, datetime.fromtimestamp(event.at // 60 * 60 + 60, UTC)


def _can_exist(target: Target) -> bool:
    """What was named from outside becomes part of a path."""
    name = target.batch or target.message
    return name.isascii() and name.isalnum() and 0 <= target.position < MOST_OF_A_BATCH


async def _find(
    services: Services, target: Target, known: dict[tuple[str, int], Place | None]
) -> Place | None:
    if target.message:
        return Place(message=target.message)
    part = (target.batch, target.position // MOST_RECIPIENTS)
    place = known.get(part)
    if place and place.first <= target.position < place.first + place.count:
        return place
    chunks = await services.store.fields(
        f"batches/{target.batch}/chunks",
        ("first", ">", target.position - MOST_RECIPIENTS),
        ("first", "<=", target.position),
        select=("first", "count"),
        order_by="first",
    )
    found: Place | None = None
    for chunk, fields in chunks:
        if fields["first"] <= target.position < fields["first"] + fields["count"]:
            found = Place(target.batch, chunk, fields["first"], fields["count"])
    known[part] = found
    return found
