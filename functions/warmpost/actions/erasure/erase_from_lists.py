"""The steps over what waits to be sent: suppressions, lists and schedules."""

from __future__ import annotations

from warmpost.actions.erasure.erasing import AT_ONCE, Erasing, StepResult, change
from warmpost.actions.lists.manage_lists import remove_recipient
from warmpost.actions.schedules.control_schedule import end_schedule
from warmpost.actions.schedules.schedules import read_order
from warmpost.actions.state.message_store import store_parts
from warmpost.errors import Conflict, Moved
from warmpost.rules.erasure.orders import reaches_nobody, without_recipient
from warmpost.rules.model.addresses import ERASED
from warmpost.rules.model.writes import Delete, Stored, Update
from warmpost.rules.schedules.request_packing import pack_order
from warmpost.rules.schedules.schedules import Schedule
from warmpost.rules.suppressions.documents import Suppression


async def erase_from_suppressions(erasing: Erasing) -> StepResult:
    """A suppression goes on holding by its hash alone."""
    store = erasing.services.store
    found = await store.find(Suppression, "suppressions", ("hash", "==", erasing.hashed))
    named = [one for one in found if one.value.address != ERASED]
    if named:
        bare = {"address": ERASED, "note": "", "lifted_note": ""}
        await store.commit(*(Update(one.path, bare, one.version) for one in named))
    return StepResult(len(named))


async def erase_from_lists(erasing: Erasing) -> StepResult:
    services = erasing.services
    pages = await services.store.fields(
        "pages", ("hashes", "array_contains", erasing.hashed), select=("first",), everywhere=True
    )
    lists = sorted({path.split("/")[1] for path, _ in pages if path.startswith("lists/")})
    erased = waiting = 0

    async def remove(number: str) -> bool:
        await remove_recipient(services, number, erasing.address)
        return True

    for number in lists:
        try:
            erased += await change(remove, number)
        except Conflict:  # an import is under way
            waiting += 1
    return StepResult(erased, waiting=waiting)


async def erase_from_schedules(erasing: Erasing) -> StepResult:
    """Orders are packed: each is looked into. One that is left to nobody ends."""
    services = erasing.services
    found = await services.store.find(Schedule, "schedules", after=erasing.after or None, limit=AT_ONCE)
    erased = 0
    for one in found:
        if await _rewritten(erasing, one):
            erased += 1
    return StepResult(erased, found[-1].id if len(found) == AT_ONCE else "")


async def _rewritten(erasing: Erasing, schedule: Stored[Schedule]) -> bool:
    services = erasing.services
    before = await read_order(services.store, schedule)
    order = without_recipient(before, erasing.address, erasing.wanted)
    if order == before:
        return False
    if reaches_nobody(order):
        schedule = await end_schedule(services, schedule.id)
    parts = await store_parts(services.store, schedule.path, pack_order(order), most_inline=0)
    left = [Delete(f"{schedule.path}/parts/{number:03d}") for number in range(parts, schedule.value.parts)]
    try:
        await services.store.commit(Update(schedule.path, {"parts": parts}), *left)
    except Moved:
        return False
    return True
