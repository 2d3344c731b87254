"""The same answer to the same request: kept in the very commit that accepts it, under the caller's Idempotency-Key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from warmpost.actions.context import Services
from warmpost.actions.storage.retries import commit_new
from warmpost.errors import Conflict, Moved
from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.documents import Idempotency
from warmpost.rules.model.writes import Create, Write
from warmpost.rules.requests.requests import Request

KEEP_KEYS = timedelta(days=7)


async def earlier_answer(services: Services, kind: str, request: Request) -> list[str] | None:
    """The words of the answer that this request had before. Raises errors.Conflict where it had another body."""
    if not request.idempotency_key:
        return None
    known = await services.store.get(Idempotency, _path(kind, request))
    if known is None:
        return None
    refuse_other_body(known.value.digest, request)
    return known.value.answer.split()


async def accept_once(
    services: Services, kind: str, request: Request, created: Sequence[Write], answer: Sequence[object]
) -> list[str]:
    """What is created and its idempotency key appear in one commit, or neither does.

    answer: words without spaces; where the same request came first meanwhile, those of its answer. Raises as
    `earlier_answer`.
    """
    words = [str(word) for word in answer]
    writes = list(created)
    if request.idempotency_key:
        now = services.clock.now()
        kept = Idempotency(request.digest, " ".join(words), now, now + KEEP_KEYS)
        writes.append(Create(_path(kind, request), kept))
    try:
        await commit_new(services.store, *writes)
    except Moved:
        before = await earlier_answer(services, kind, request)
        if before is None:
            raise
        return before
    return words


def refuse_other_body(digest: str, request: Request) -> None:
    if digest != request.digest:
        raise Conflict(
            "idempotency_key_reused",
            "This Idempotency-Key came with another body before; a new request needs a new key.",
        )


def _path(kind: str, request: Request) -> str:
    return f"idempotency/{short_hash(kind, request.key_id, request.idempotency_key, length=32)}"
