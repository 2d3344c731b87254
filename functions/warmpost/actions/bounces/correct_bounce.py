"""Refusals by text, and the class that people give them for the future."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from warmpost.actions.bounces.count_bounces import bounce_text_path
from warmpost.actions.context import Services
from warmpost.errors import Invalid, NotFound
from warmpost.rules.bounces.classify import BounceClass
from warmpost.rules.bounces.corrections import BounceCorrection, BounceText, Corrections, text_id
from warmpost.rules.model.writes import Delete, Put

COLLECTION = "bounce_corrections"
MOST_CORRECTIONS = 500


@dataclass(frozen=True, slots=True)
class CountedText:
    id: str
    counted: BounceText
    correction: BounceCorrection | None


async def load_corrections(services: Services) -> Corrections:
    """As they were a few seconds ago at most; this process remembers them for `corrections`."""
    await services.cache.every(BounceCorrection, COLLECTION, MOST_CORRECTIONS)
    return corrections(services)


def corrections(services: Services) -> Corrections:
    """As they were loaded last."""
    return {one.id: one.value for one in services.cache.known(BounceCorrection, COLLECTION)}


async def list_bounces(services: Services, limit: int) -> Sequence[CountedText]:
    """The most frequent texts."""
    found, stored = await asyncio.gather(
        services.store.find(BounceText, "bounce_texts", order_by="count", descending=True, limit=limit),
        services.store.find(BounceCorrection, COLLECTION, limit=MOST_CORRECTIONS),
    )
    known = {one.id: one.value for one in stored}
    ids = [text_id(one.value.text) for one in found]
    return [CountedText(id, one.value, known.get(id)) for id, one in zip(ids, found, strict=True)]


async def correct_bounce(services: Services, id: str, wanted: BounceClass | None) -> CountedText:
    """wanted: None for what the phrases say. Raises NotFound, and Invalid above MOST_CORRECTIONS."""
    stored = await services.store.get(BounceText, bounce_text_path(id)) if id.isalnum() else None
    if stored is None or text_id(stored.value.text) != id:
        raise NotFound(
            "bounce_text_not_found", f"There is no text {id[:50]}; GET /manage/bounces lists them."
        )
    path = f"{COLLECTION}/{id}"
    correction = None
    if wanted is None:
        await services.store.commit(Delete(path))
    else:
        if await services.store.count(COLLECTION) >= MOST_CORRECTIONS:
            raise Invalid("too_many_corrections", f"There may be {MOST_CORRECTIONS} corrections.", "class")
        correction = BounceCorrection(stored.value.text, wanted.value, services.clock.now())
        await services.store.commit(Put(path, correction))
    services.cache.forget_whole(COLLECTION)
    return CountedText(id, stored.value, correction)
