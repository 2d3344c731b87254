"""Recipients packed by the hundred: a chunk of a batch and a page of a list have the same form.

One document per recipient would cost one write each and an index entry per variable. Packed, 500 recipients are
one bytes field (compact JSON, deflated) that Firestore neither looks into nor indexes, and one array of
address hashes to find an address by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from warmpost.rules.message.message import Recipient
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.model.derived_ids import address_hash

MOST_RECIPIENTS = 500
MOST_CHUNK_BYTES = 600_000
"""Of JSON before deflating: far enough below Firestore's 1 MiB that no data can come near it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """first: position of its first recipient in the batch or list. hashes: `address_hash` of each, in order."""

    first: int
    count: int
    recipients: bytes
    hashes: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.first + self.count


def pack(first: int, recipients: Sequence[Recipient]) -> Chunk:
    rows = [[one.address, one.data] if one.data else [one.address] for one in recipients]
    return Chunk(
        first=first,
        count=len(rows),
        recipients=deflate(rows),
        hashes=tuple(address_hash(one.address) for one in recipients),
    )


def unpack(chunk: Chunk) -> list[Recipient]:
    return [Recipient(row[0], row[1] if len(row) > 1 else {}) for row in inflate(chunk.recipients)]


def pack_all(recipients: Iterable[Recipient], first: int = 0) -> Iterator[Chunk]:
    """Chunks of at most MOST_RECIPIENTS and MOST_CHUNK_BYTES, in order; memory holds one at a time."""
    waiting: list[Recipient] = []
    size = 0
    for one in recipients:
        weight = len(one.address) + len(json.dumps(one.data, ensure_ascii=False).encode()) + 8
        if waiting and (len(waiting) == MOST_RECIPIENTS or size + weight > MOST_CHUNK_BYTES):
            yield pack(first, waiting)
            first += len(waiting)
            waiting, size = [], 0
        waiting.append(one)
        size += weight
    if waiting:
        yield pack(first, waiting)
