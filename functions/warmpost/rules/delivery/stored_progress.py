"""How a chunk's or message's progress becomes fields of a document, and comes back from them."""

from __future__ import annotations

from typing import Any

from warmpost.rules.delivery.documents import ProgressFields
from warmpost.rules.delivery.progress import Progress, begin, pack_details, unpack_details


def store_progress(progress: Progress, seq: int) -> ProgressFields:
    return ProgressFields(
        results=progress.results,
        details=pack_details(progress) if progress.details or progress.times or progress.days else b"",
        counts=progress.counts,
        owner=progress.owner,
        lease_until=progress.lease_until,
        round=progress.round,
        retry_at=progress.retry_at,
        stalled_since=progress.stalled_since,
        finished=progress.is_finished and not progress.owner,
        seq=seq,
        stalled_reason=progress.stalled_reason,
        slowed=progress.slowed,
    )


def load_progress(stored: ProgressFields | None, count: int) -> Progress:
    if stored is None:
        return begin(count)
    progress = Progress(
        results=stored.results,
        owner=stored.owner,
        lease_until=stored.lease_until,
        round=stored.round,
        retry_at=stored.retry_at,
        stalled_since=stored.stalled_since,
        stalled_reason=stored.stalled_reason,
        slowed=stored.slowed,
    )
    return unpack_details(progress, stored.details)


def as_changes(value: ProgressFields) -> dict[str, Any]:
    return {name: getattr(value, name) for name in ProgressFields.__slots__}
