"""All batches, newest first: their numbers count upwards, so a page is read by them and needs no index."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from warmpost.actions.batches.report import count_batch, read_pace
from warmpost.actions.context import Services
from warmpost.actions.statistics.costs import batch_usage
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.storage.pagination import Listed, Page, whole_cursor
from warmpost.rules.listings.listing import ListedBatch
from warmpost.rules.model.usage import Usage
from warmpost.rules.model.writes import Stored

MOST_LOOKED_AT = 1000
"""Batches that one page looks through for those that are wanted; the next page goes on behind them."""

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Numbers:
    """`counters/{name}`: the last one that was taken."""

    last: int = 0


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """Empty for what is not asked for. status: as it is shown. name: words that are all in it."""

    status: str = ""
    name: str = ""
    list_id: str = ""
    template: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def may_hold(self, batch: ListedBatch) -> bool:
        """All but the status, which depends on the domain."""
        words = batch.name.casefold()
        return (
            self.list_id in ("", batch.list_id)
            and self.template in ("", batch.template)
            and all(word in words for word in self.name.casefold().split())
            and (self.since is None or batch.created_at >= self.since)
            and (self.until is None or batch.created_at < self.until)
        )


@dataclass(frozen=True, slots=True)
class BatchRow:
    """status: `paused` also while its domain is. counts: recipients by status."""

    id: str
    batch: ListedBatch
    status: str
    reason: str
    paused_until: datetime | None
    counts: Mapping[str, int]
    usage: Usage


async def list_batches(services: Services, query: BatchQuery, page: Page) -> Listed[BatchRow]:
    """A page may hold fewer than its limit, where only few of those looked through are wanted. Raises Invalid."""
    last = await _last_number(services)
    first = min(last, whole_cursor(page.cursor) - 1) if page.cursor is not None else last
    wanted: list[tuple[Stored[ListedBatch], str, str, datetime | None]] = []
    number = first
    async for number, one in _newest(services, first, min(page.limit + 1, AT_ONCE)):
        if len(wanted) == page.limit or first - number >= MOST_LOOKED_AT:
            return Listed(await _rows(services, wanted), str(number + 1))
        if one is None or not query.may_hold(one.value):
            continue
        pace = await read_pace(services, one) if one.value.status.is_running else None
        status = pace.status if pace else one.value.status.value
        if query.status in ("", status):
            until = pace.paused_until if pace else None
            wanted.append((one, status, one.value.reason or (pace.reason if pace else ""), until))
    return Listed(await _rows(services, wanted), None)


async def _last_number(services: Services) -> int:
    found = await services.store.get(Numbers, "counters/batches")
    return found.value.last if found else 0


async def _newest(
    services: Services, first: int, at_once: int
) -> AsyncIterator[tuple[int, Stored[ListedBatch] | None]]:
    """Numbers from `first` downwards, with their batches; some were never used."""
    while first > 0:
        numbers = range(first, max(first - at_once, 0), -1)
        found = await services.store.some(ListedBatch, [f"batches/{number}" for number in numbers])
        for number, one in zip(numbers, found, strict=True):
            yield number, one
        first -= at_once


async def _rows(
    services: Services, wanted: list[tuple[Stored[ListedBatch], str, str, datetime | None]]
) -> list[BatchRow]:
    counts = await gather_limited(count_batch(services, one) for one, *_ in wanted)
    usages = await gather_limited(batch_usage(services, one) for one, *_ in wanted)
    return [
        BatchRow(one.id, one.value, status, reason, until, count, usage)
        for (one, status, reason, until), count, usage in zip(wanted, counts, usages, strict=True)
    ]
