"""Single messages, newest first, by what people remember of them: a page is read, whatever is stored."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from warmpost.actions.batches.report import message_statuses, overall_status
from warmpost.actions.context import Services
from warmpost.actions.delivery.recipient_status import RecipientStatus
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.storage.pagination import Listed, Page, wrong_cursor
from warmpost.rules.listings.listing import SHARDS, ListedMessage, age_key, without_shard
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Stored

MOST_LOOKED_AT = 2000
"""Messages that one page looks through for those that are wanted; the next page goes on behind them."""

AFTER_ALL = "~"


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """Empty for what is not asked for. sender: an address, or a domain. subject: words that are all in it. tag: a name, or
    name and value. since: inclusive, until: exclusive."""

    status: str = ""
    sender: str = ""
    to: str = ""
    subject: str = ""
    tag: tuple[str, str | None] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def may_hold(self, message: ListedMessage) -> bool:
        """All but the status, which takes another read."""
        sender = self.sender.lower()
        if sender and sender not in (message.sender.lower(), message.domain):
            return False
        if self.to and self.to.lower() not in (one.lower() for one in inflate(message.recipients)):
            return False
        words = message.subject.casefold()
        if not all(word in words for word in self.subject.casefold().split()):
            return False
        if self.tag is None:
            return True
        name, value = self.tag
        return name in message.tags and value in (None, message.tags[name])


@dataclass(frozen=True, slots=True)
class MessageRow:
    """lines: one for each recipient, in the order of the message."""

    id: str
    message: ListedMessage
    status: str
    lines: Sequence[RecipientStatus]


async def list_messages(services: Services, query: MessageQuery, page: Page) -> Listed[MessageRow]:
    """A page may hold fewer than its limit, where only few of those looked through are wanted. Raises Invalid."""
    rows: list[MessageRow] = []
    looked_at = 0
    last = ""
    async for one in _newest(services, query, page):
        if len(rows) == page.limit or looked_at == MOST_LOOKED_AT:
            return Listed(rows, last)
        looked_at, last = looked_at + 1, without_shard(one.value.listed)
        if query.may_hold(one.value) and (row := await _row(services, one, query.status)):
            rows.append(row)
    return Listed(rows, None)


async def _row(services: Services, one: Stored[ListedMessage], status: str) -> MessageRow | None:
    lines = await message_statuses(services, one)
    overall = overall_status(lines)
    return MessageRow(one.id, one.value, overall, lines) if status in ("", overall) else None


async def find_rows(services: Services, ids: Sequence[str]) -> list[MessageRow]:
    found = await services.store.some(ListedMessage, [f"messages/{one}" for one in ids])
    rows = [await _row(services, one, "") for one in found if one]
    return [row for row in rows if row]


async def _newest(
    services: Services, query: MessageQuery, page: Page
) -> AsyncIterator[Stored[ListedMessage]]:
    """Behind the cursor, from the newest to the oldest."""
    first, last = _bounds(query, page.cursor)
    if query.to:
        for one in await _to_address(services, query.to, first, last):
            yield one
        return
    shards = [_Shard(services, shard, first, last, page.limit // SHARDS + 2) for shard in range(SHARDS)]
    heads = await gather_limited(shard.next() for shard in shards)
    heap = [(without_shard(one.value.listed), number, one) for number, one in enumerate(heads) if one]
    heapq.heapify(heap)
    while heap:
        _, number, one = heapq.heappop(heap)
        yield one
        if following := await shards[number].next():
            heapq.heappush(heap, (without_shard(following.value.listed), number, following))


def _bounds(query: MessageQuery, cursor: str | None) -> tuple[str, str]:
    """Between which keys, without their shards and both exclusive, the messages lie. Raises Invalid."""
    first = age_key(query.until) + AFTER_ALL if query.until else ""
    last = age_key(query.since) + AFTER_ALL if query.since else AFTER_ALL
    if cursor is not None:
        if not (cursor.isascii() and cursor.isalnum() and 16 < len(cursor) <= 80):
            raise wrong_cursor()
        first = max(first, cursor)
    return first, last


async def _to_address(
    services: Services, address: str, first: str, last: str
) -> Sequence[Stored[ListedMessage]]:
    found = await services.store.find(
        ListedMessage, "messages", ("hashes", "array_contains", address_hash(address)), partial=True
    )
    inside = [one for one in found if first < without_shard(one.value.listed) < last]
    return sorted(inside, key=lambda one: without_shard(one.value.listed))


class _Shard:
    """One of the queries that a page is merged from, a few documents at a time."""

    def __init__(self, services: Services, shard: int, first: str, last: str, at_once: int) -> None:
        self._services = services
        self._after, self._last = f"{shard}{first}", f"{shard}{last}"
        self._at_once = at_once
        self._read: deque[Stored[ListedMessage]] = deque()
        self._ended = False

    async def next(self) -> Stored[ListedMessage] | None:
        if not self._read and not self._ended:
            found = await self._services.store.find(
                ListedMessage,
                "messages",
                ("listed", ">", self._after),
                ("listed", "<", self._last),
                order_by="listed",
                limit=self._at_once,
                partial=True,
            )
            self._read.extend(found)
            self._ended = len(found) < self._at_once
            if found:
                self._after = found[-1].value.listed
        return self._read.popleft() if self._read else None
