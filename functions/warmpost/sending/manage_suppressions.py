"""Addresses that must not be mailed: the list kept by hand.

Nothing is ever deleted from it: lifting a suppression is a change with a serial of its own, so that workers which
remember the list see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from warmpost.errors import Invalid, Moved, NotFound
from warmpost.rules.addresses import Flaw, read_address
from warmpost.rules.chunks import address_hash
from warmpost.rules.documents import Suppression
from warmpost.rules.identities import short_hash
from warmpost.rules.names import has_controls
from warmpost.rules.writes import Create, Put, Stored, Update, Write
from warmpost.sending.list_documents import Listed, Page, list_by_id
from warmpost.sending.ports import Services, Store

MOST_NOTE_CHARACTERS = 500
SERIALS = "suppressions"


async def suppress_address(services: Services, text: str, note: str) -> Suppression:
    """An address that is suppressed already stays as it is, with its own reason. Raises Invalid or Moved."""
    address = read_address(text.strip())
    if isinstance(address, Flaw):
        raise Invalid("invalid_address", f"This address {address.reason}.", "address")
    if len(note) > MOST_NOTE_CHARACTERS or has_controls(note):
        reason = f"A note has {MOST_NOTE_CHARACTERS} characters at most and no line breaks."
        raise Invalid("invalid_field", reason, "note")
    path = suppression_path(address)
    stored = await services.store.get(Suppression, path)
    if stored is not None and not stored.value.lifted:
        return stored.value
    wanted = Suppression(
        address=address,
        hash=address_hash(address),
        reason="manual",
        since=services.clock.now(),
        serial=await services.store.next_number(SERIALS),
        note=note,
    )
    if stored is None:
        return await _created(services.store, path, wanted)
    changes = {
        name: getattr(wanted, name) for name in ("address", "reason", "since", "serial", "note", "lifted")
    }
    await services.store.commit(Update(path, changes, stored.version))
    return wanted


async def _created(store: Store, path: str, wanted: Suppression) -> Suppression:
    try:
        await store.commit(Create(path, wanted))
    except Moved:
        other = await store.get(Suppression, path)
        if other is None or other.value.lifted:
            raise
        return other.value
    return wanted


def suppression_path(address: str, scope: str = "") -> str:
    """One document per address and scope: what a reader asked of one domain says nothing of another."""
    name = f"{address_hash(address) & 0xFFFF_FFFF_FFFF_FFFF:016x}"
    return f"suppressions/{name}-{short_hash(scope)}" if scope else f"suppressions/{name}"


async def suppress_all(services: Services, wanted: Sequence[Suppression]) -> list[Write]:
    """Writes for suppressions that follow from events; each gets the next serial. The last word on an address holds."""
    if not wanted:
        return []
    last = await services.store.next_number(SERIALS, len(wanted))
    first = last - len(wanted) + 1
    return [
        Put(suppression_path(one.address, one.scope), replace(one, serial=serial))
        for serial, one in enumerate(wanted, first)
    ]


async def find_suppression(store: Store, text: str) -> Stored[Suppression]:
    """Raises NotFound."""
    address = read_address(text.strip())
    found = await store.get(Suppression, suppression_path(address)) if isinstance(address, str) else None
    if found is None or found.value.lifted:
        raise NotFound("suppression_not_found", f"{text[:254]} is not suppressed.")
    return found


async def list_suppressions(services: Services, page: Page) -> Listed[Stored[Suppression]]:
    return await list_by_id(services.store, Suppression, "suppressions", page, ("lifted", "==", False))


async def lift_suppression(services: Services, text: str) -> Suppression:
    """Raises NotFound or Moved."""
    stored = await find_suppression(services.store, text)
    serial = await services.store.next_number(SERIALS)
    await services.store.commit(Update(stored.path, {"lifted": True, "serial": serial}, stored.version))
    return replace(stored.value, lifted=True, serial=serial)
