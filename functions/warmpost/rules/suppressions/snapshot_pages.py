"""All suppressions in a few documents, so that a worker that begins reads those and not each address.

A page holds hashes of addresses, eight bytes each, grouped by what holds of them: a line of JSON says of each group
how many it has, the hashes follow in its order.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_HASHES = 60_000
"""In one page: half of what a document may hold."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a worker needs to know; thousands of addresses share one."""

    reason: str
    expires_at: datetime | None
    lifted: bool

    def holds(self, now: datetime) -> bool:
        return not self.lifted and (self.expires_at is None or self.expires_at > now)


Groups = Mapping[tuple[str, Entry], Sequence[int]]
"""Hashes by scope and entry."""


def group(known: Mapping[str, Mapping[int, Entry]]) -> dict[tuple[str, Entry], list[int]]:
    """known: entries by scope and hash."""
    groups: dict[tuple[str, Entry], list[int]] = {}
    for scope, entries in known.items():
        for number, entry in entries.items():
            groups.setdefault((scope, entry), []).append(number)
    return groups


def pack_pages(groups: Groups) -> Iterator[bytes]:
    held: list[tuple[str, Entry, Sequence[int]]] = []
    room = MOST_HASHES
    for (scope, entry), hashes in groups.items():
        start = 0
        while start < len(hashes):
            some = hashes[start : start + room]
            held.append((scope, entry, some))
            start, room = start + len(some), room - len(some)
            if room == 0:
                yield _pack(held)
                held, room = [], MOST_HASHES
    if held:
        yield _pack(held)


def _pack(held: Iterable[tuple[str, Entry, Sequence[int]]]) -> bytes:
    held = list(held)
    head = [
        [scope, one.reason, one.expires_at and one.expires_at.isoformat(), one.lifted, len(hashes)]
        for scope, one, hashes in held
    ]
    return json.dumps(head).encode() + b"\n" + b"".join(struct.pack(f"<{len(h)}q", *h) for _, _, h in held)


def unpack_page(content: bytes) -> Iterator[tuple[str, Entry, Sequence[int]]]:
    head, _, hashes = content.partition(b"\n")
    at = 0
    for scope, reason, expires_at, lifted, count in json.loads(head):
        until = datetime.fromisoformat(expires_at) if expires_at else None
        yield scope, Entry(reason, until, lifted), struct.unpack_from(f"<{count}q", hashes, at)
        at += 8 * count
