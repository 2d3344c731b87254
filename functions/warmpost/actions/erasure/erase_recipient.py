"""Erase: one person's address and variables out of all that is kept, in small steps behind the queue.

Every step finds what is left and changes that, so a step that is repeated changes nothing more. Counts, figures and what
is kept about others stay as they are; a suppression stays by its hash.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from warmpost.actions.context import Services
from warmpost.actions.erasure.erase_from_lists import (
    erase_from_lists,
    erase_from_schedules,
    erase_from_suppressions,
)
from warmpost.actions.erasure.erase_from_logs import (
    erase_from_audit,
    erase_from_events,
    erase_from_notifications,
)
from warmpost.actions.erasure.erase_from_mail import (
    erase_from_batches,
    erase_from_messages,
    erase_from_records,
)
from warmpost.actions.erasure.erasing import Erasing, Step, StepResult
from warmpost.actions.listings.find_places import find_places
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import Conflict, NotFound
from warmpost.rules.erasure.documents import STEPS, Erasure, erasure_id
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Create, Stored, Update

SOONEST, LATEST = timedelta(hours=1), timedelta(days=1)
"""Until what is still on its way is looked at again: as long as it took so far, within these bounds."""

_STEPS: dict[str, Step] = {
    "suppressions": erase_from_suppressions,
    "lists": erase_from_lists,
    "schedules": erase_from_schedules,
    "batches": erase_from_batches,
    "messages": erase_from_messages,
    "records": erase_from_records,
    "events": erase_from_events,
    "notifications": erase_from_notifications,
    "audit": erase_from_audit,
}


async def ask_to_erase(services: Services, address: str) -> Stored[Erasure]:
    """Asked again while it runs it is the same erasure; afterwards one more run, for what has come since. Raises Moved."""
    return await retry_on_conflict(lambda: _ask(services, address.lower()))


async def _ask(services: Services, address: str) -> Stored[Erasure]:
    id = erasure_id(address, services.policy.return_key)
    path = f"erasures/{id}"
    stored = await services.store.get(Erasure, path)
    if stored is not None and stored.value.state != "done":
        await services.tasks.enqueue(_task(id, stored.value.turn))
        return stored
    sealed = services.encryption.encrypt(address.encode(), path)
    now = services.clock.now()
    if stored is None:
        fresh = Erasure("working", sealed, now)
        await services.tasks.enqueue(_task(id, 0))
        (version,) = await services.store.commit(Create(path, fresh))
        return Stored(path, fresh, version)
    before = stored.value
    again = replace(
        before,
        state="working",
        sealed=sealed,
        asked_at=now,
        step=STEPS[0],
        after="",
        turn=before.turn + 1,
        runs=before.runs + 1,
        finished_at=None,
    )
    await services.tasks.enqueue(_task(id, again.turn))
    await _record(services, stored, again)
    return Stored(path, again, stored.version)


async def find_erasure(services: Services, id: str) -> Stored[Erasure]:
    """Raises NotFound."""
    known = id.isascii() and id.isalnum() and len(id) < 40
    found = await services.store.get(Erasure, f"erasures/{id}") if known else None
    if found is None:
        raise NotFound("erasure_not_found", f"There is no erasure {id[:100]!r}.")
    return found


async def erase_recipient(services: Services, id: str, turn: int) -> None:
    """One step. Raises NotStoredYetError, or Conflict while the step before it is not recorded: the task comes again."""
    stored = await services.store.get(Erasure, f"erasures/{id}")
    if stored is None:
        raise NotStoredYetError(f"erasures/{id}")
    value = stored.value
    if value.turn < turn:
        raise Conflict("not_recorded_yet", "The step before this one is not recorded yet.")
    if value.turn > turn or value.state == "done":
        return
    address = services.encryption.decrypt(value.sealed, stored.path).decode()
    if value.step == STEPS[0] and not value.after:
        places = await find_places(services, address)
        value = replace(value, places=deflate(_merged(places, value.places)))
    places = [(path, chunk, position) for path, chunk, position in inflate(value.places)]
    step = _STEPS.get(value.step)
    result = await step(Erasing(services, address, places, value.after)) if step else StepResult()
    following = _after(value, result, services)
    if following.state != "done":
        later = _next_look(services, value) if _waits(value, following) else None
        await services.tasks.enqueue(replace(_task(id, following.turn), at=later))
    await _record(services, stored, following)
    if following.state == "done":
        changed = sum(following.erased.values())
        log_event("erased", f"erasure {id} is done", erasure=id, changed=changed)


def _merged(places: list[tuple[str, str, int]], before: bytes) -> list[tuple[str, str, int]]:
    known = [(path, chunk, position) for path, chunk, position in inflate(before)] if before else []
    return sorted({*places, *known})


def _after(value: Erasure, result: StepResult, services: Services) -> Erasure:
    """What the step found decides where the next one begins."""
    erased = value.erased | {value.step: value.erased.get(value.step, 0) + result.erased}
    after = replace(value, turn=value.turn + 1, after=result.after, waiting=value.waiting + result.waiting)
    if value.step != "end":
        after = replace(after, erased=erased)
        return after if result.after else replace(after, step=STEPS[STEPS.index(value.step) + 1])
    if value.waiting:
        return replace(after, state="waiting", step=STEPS[0], waiting=0)
    return replace(after, state="done", sealed=b"", places=b"", finished_at=services.clock.now())


def _waits(before: Erasure, after: Erasure) -> bool:
    return before.step == "end" and after.state == "waiting"


def _next_look(services: Services, value: Erasure) -> datetime:
    now = services.clock.now()
    return now + min(max(SOONEST, now - value.asked_at), LATEST)


async def _record(services: Services, stored: Stored[Erasure], value: Erasure) -> None:
    changes = {name: getattr(value, name) for name in Erasure.__slots__}
    await services.store.commit(Update(stored.path, changes, stored.version))


def _task(id: str, turn: int) -> Task:
    return Task("erase", {"erasure": id, "turn": turn}, task_name("erase", id, turn))
