"""Delete a sender domain: refused while mail still waits to leave in its name, or with an end to all of that first."""

from __future__ import annotations

from typing import Literal

from warmpost.actions.batches.control_batch import cancel_batch
from warmpost.actions.context import Services
from warmpost.actions.identity.manage_domains import find_domain, released
from warmpost.actions.schedules.control_schedule import end_schedule
from warmpost.actions.storage.needed import MOST_NAMED, name_some, schedules_that_need
from warmpost.errors import Conflict
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.identity.domains import Domain
from warmpost.rules.model.writes import Delete, Stored

Pending = Literal["refuse", "cancel"]
"""What becomes of batches, schedules and messages that are not through: they keep the domain, or end with it."""


async def delete_domain(services: Services, text: str, pending: Pending = "refuse") -> None:
    """Raises NotFound, Moved, or Conflict `domain_in_use` with what hangs on it.

    With `cancel` its batches are cancelled with the reason, its schedules end, and single messages that wait fail.
    """
    stored = await find_domain(services.store, text)
    if stored.value.addresses:
        raise Conflict(
            "domain_in_use",
            f"{stored.value.domain} has {stored.value.addresses} sender addresses; delete them first.",
        )
    if pending == "refuse":
        await _refuse_while_needed(services, stored.value)
    else:
        await _end_all(services, stored)
    await services.store.commit(Delete(stored.path, stored.version), *released(stored.value.pool))
    services.cache.forget(stored.path)


async def _refuse_while_needed(services: Services, domain: Domain) -> None:
    name = domain.domain
    batches = [one.id for one in await _open_batches(services, name, MOST_NAMED + 1)]
    needing = await schedules_that_need(services.store, f"domains/{name}", MOST_NAMED + 1)
    waiting = await services.store.fields(
        "messages", ("domain", "==", name), ("progress.finished", "==", False), select=("domain",), limit=6
    )
    named = [
        name_some(what, ids)
        for what, ids in (
            ("batch", batches),
            ("schedule", [one.id for one in needing]),
            ("message", [id for id, _ in waiting]),
        )
        if ids
    ]
    if named:
        raise Conflict(
            "domain_in_use",
            f"{name} is needed by {'; '.join(named)}. Let them end, or give pending=cancel to end them with it.",
        )


async def _open_batches(services: Services, domain: str, limit: int | None = None) -> list[Stored[Batch]]:
    found: list[Stored[Batch]] = []
    for status in (one for one in BatchStatus if not one.has_ended):
        found += await services.store.find(
            Batch, "batches", ("domain", "==", domain), ("status", "==", status), limit=limit
        )
    return found


async def _end_all(services: Services, stored: Stored[Domain]) -> None:
    name = stored.value.domain
    for schedule in await schedules_that_need(services.store, stored.path):
        await end_schedule(services, schedule.id)
    for batch in await _open_batches(services, name):
        await cancel_batch(services, batch.id, f"the sender domain {name} was deleted")
