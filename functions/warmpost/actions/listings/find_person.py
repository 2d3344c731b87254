"""One address wherever it is known beside what was sent to it: the lists it is on, what keeps it from being mailed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.storage.gather import gather_limited
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Stored
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.suppressions.precedence import holds


@dataclass(frozen=True, slots=True)
class Membership:
    """data: the variables of the address on that list."""

    list_id: str
    name: str
    created_at: datetime
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """suppressions: those that hold."""

    address: str
    suppressions: Sequence[Stored[Suppression]]
    lists: Sequence[Membership]


async def find_person(services: Services, address: str) -> Person:
    number = address_hash(address)
    found = await services.store.find(Suppression, "suppressions", ("hash", "==", number))
    pages = await services.store.fields(
        "pages", ("hashes", "array_contains", number), select=("first",), everywhere=True
    )
    on = await gather_limited(_membership(services, path, address) for path, _ in pages)
    now = services.clock.now()
    return Person(
        address,
        [one for one in found if holds(one.value, now)],
        sorted((one for one in on if one), key=lambda one: int(one.list_id)),
    )


async def _membership(services: Services, path: str, address: str) -> Membership | None:
    """None for a page that belongs to no list (any more)."""
    head, _, page_number = path.partition("/pages/")
    page = await services.store.get(Chunk, path)
    found = await services.store.get(RecipientList, head)
    if page is None or found is None or int(page_number) >= found.value.pages:
        return None
    for one in unpack(page.value):
        if one.address.lower() == address.lower():
            return Membership(found.id, found.value.name, found.value.created_at, one.data)
    return None
