"""The latest events, newest first: the event log read from its end, as long as it is kept."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.events.reader_actions import Addressee, find_reader
from warmpost.actions.listings.find_places import find_places
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.storage.pagination import Listed, Page, wrong_cursor
from warmpost.errors import NotFound
from warmpost.rules.delivery.mailbox_providers import provider_of
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import unpack_events
from warmpost.rules.events.event_queues import QUEUES
from warmpost.rules.listings.listing import age_key, without_shard
from warmpost.rules.model.events import Event, Target
from warmpost.rules.model.writes import Stored

MOST_LOOKED_AT = 5000
"""Events that one page looks through; the next page goes on behind them."""

AT_ONCE = 5
"""Logs of a queue that are read at a time."""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Empty for what is not asked for. domain: of the sender. provider: of the mailbox. since, until: of their report."""

    kinds: Collection[str] = ()
    domain: str = ""
    provider: str = ""
    address: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """to, domain: empty where what it is about is forgotten."""

    event: Event
    to: str
    domain: str


async def list_events(services: Services, query: EventQuery, page: Page) -> Listed[ShownEvent]:
    """A page may hold fewer than its limit, where few of those looked through are wanted. Raises Invalid."""
    begin, place = _read_cursor(page.cursor)
    places = (
        {(path, at) for path, _, at in await find_places(services, query.address)} if query.address else set()
    )
    found: list[ShownEvent] = []
    looked_at = 0
    async for log in _newest(services, query, begin):
        name = without_shard(log.id)
        if name < begin:
            continue
        events = unpack_events(log.value.content)
        first, place = place if name == begin else 0, 0
        for number in range(first, len(events)):
            if len(found) == page.limit or looked_at == MOST_LOOKED_AT:
                return Listed(found, f"{name}.{number}")
            looked_at += 1
            shown = await _shown(services, query, events[number], places)
            found += [shown] if shown else []
    return Listed(found, None)


def _read_cursor(cursor: str | None) -> tuple[str, int]:
    """The log to go on with, without its queue, and the place in it. Raises Invalid."""
    name, dot, place = (cursor or ".0").partition(".")
    if not (
        dot and (name + place).isascii() and (name + place).isalnum() and place.isdigit() and len(place) < 9
    ):
        raise wrong_cursor()
    return name, int(place)


async def _shown(
    services: Services, query: EventQuery, event: Event, places: Collection[tuple[str, int]]
) -> ShownEvent | None:
    """None for one that is not wanted; whom it is about is looked up last."""
    if query.kinds and event.kind not in query.kinds:
        return None
    target = event.target
    path = f"batches/{target.batch}" if target.batch else f"messages/{target.message}"
    is_his = (path, target.position) in places or target.address.lower() == query.address.lower()
    if query.address and not is_his:
        return None
    reader = await _reader(services, target)
    if query.domain not in ("", reader.domain):
        return None
    if query.provider and (not reader.address or provider_of(reader.address) != query.provider):
        return None
    return ShownEvent(event, reader.address, reader.domain)


async def _reader(services: Services, target: Target) -> Addressee:
    if not target.is_named:
        return Addressee(target.address, "")
    try:
        return await find_reader(services, target)
    except NotFound:
        return Addressee(target.address, "")


async def _newest(services: Services, query: EventQuery, key: str) -> AsyncIterator[Stored[EventLog]]:
    """From `key` on, itself included."""
    first = age_key(query.until) + "~" if query.until else ""
    first = max(first, key[:-1])
    last = age_key(query.since) + "~" if query.since else "~"
    queues = [_Queue(services, f"{number:x}", first, last) for number in range(len(QUEUES))]
    heads = await gather_limited(one.next() for one in queues)
    heap = [(without_shard(one.id), number, one) for number, one in enumerate(heads) if one]
    heapq.heapify(heap)
    while heap:
        _, number, log = heapq.heappop(heap)
        yield log
        if following := await queues[number].next():
            heapq.heappush(heap, (without_shard(following.id), number, following))


class _Queue:
    """The logs of one queue, a few at a time."""

    def __init__(self, services: Services, mark: str, first: str, last: str) -> None:
        self._services, self._mark, self._last = services, mark, last
        self._after = mark + first
        self._read: deque[Stored[EventLog]] = deque()
        self._ended = False

    async def next(self) -> Stored[EventLog] | None:
        if not self._read and not self._ended:
            found = await self._services.store.find(EventLog, "events", after=self._after, limit=AT_ONCE)
            mine: Sequence[Stored[EventLog]] = [
                one for one in found if one.id[0] == self._mark and without_shard(one.id) < self._last
            ]
            self._read.extend(mine)
            self._ended = len(mine) < AT_ONCE
            if mine:
                self._after = mine[-1].id
        return self._read.popleft() if self._read else None
