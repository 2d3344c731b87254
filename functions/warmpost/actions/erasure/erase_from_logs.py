"""The steps over what is kept as it came: event logs, notifications and the audit trail, looked through page by page."""

from __future__ import annotations

import json
import zlib

from warmpost.actions.erasure.erasing import AT_ONCE, Erasing, StepResult, change
from warmpost.rules.erasure.redaction import erase_from_event, without
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import pack_events, unpack_events
from warmpost.rules.model.writes import Update
from warmpost.rules.operations.audit import AuditEntry
from warmpost.rules.webhooks.notifications import Notification, line_of, pack_lines


async def erase_from_events(erasing: Erasing) -> StepResult:
    places = {(path, position) for path, _, position in erasing.places}
    store = erasing.services.store
    found = await store.find(EventLog, "events", after=erasing.after or None, limit=AT_ONCE)

    async def erase(path: str) -> bool:
        stored = await store.get(EventLog, path)
        if stored is None:
            return False
        before = unpack_events(stored.value.content)
        after = [erase_from_event(event, erasing.wanted, places) for event in before]
        if after != before:
            await store.commit(Update(path, {"content": pack_events(after)}, stored.version))
        return after != before

    erased = sum([await change(erase, one.path) for one in found])
    return StepResult(erased, found[-1].id if len(found) == AT_ONCE else "")


async def erase_from_notifications(erasing: Erasing) -> StepResult:
    """A webhook that has not taken an event yet will get it without the address."""
    store = erasing.services.store
    found = await store.find(Notification, "notifications", after=erasing.after or None, limit=AT_ONCE)

    async def erase(path: str) -> bool:
        stored = await store.get(Notification, path)
        if stored is None or not stored.value.payloads:
            return False
        lines = zlib.decompress(stored.value.payloads).split(b"\n")
        bare = [_bare_line(line, erasing) for line in lines]
        if bare != lines:
            await store.commit(Update(path, {"payloads": pack_lines(bare)}, stored.version))
        return bare != lines

    erased = sum([await change(erase, one.path) for one in found])
    return StepResult(erased, found[-1].id if len(found) == AT_ONCE else "")


READER_FIELDS = ("reply", "reason", "link", "useragent", "subject", "tags")
"""What an event says of its person beside the address."""


def _bare_line(line: bytes, erasing: Erasing) -> bytes:
    shape = json.loads(line)
    bare = without(shape, erasing.wanted)
    if bare == shape:
        return line
    if erasing.wanted.fullmatch(str(shape.get("to", ""))):
        bare = {name: value for name, value in bare.items() if name not in READER_FIELDS} | {"tags": {}}
    return line_of(bare)


async def erase_from_audit(erasing: Erasing) -> StepResult:
    store = erasing.services.store
    found = await store.find(AuditEntry, "audit", after=erasing.after or None, limit=AT_ONCE * 5)
    erased = 0
    for one in found:
        bare = {
            "path": without(one.value.path, erasing.wanted),
            "changes": without(one.value.changes, erasing.wanted),
        }
        if bare != {"path": one.value.path, "changes": one.value.changes}:
            await store.commit(Update(one.path, bare))
            erased += 1
    return StepResult(erased, found[-1].id if len(found) == AT_ONCE * 5 else "")
