"""Addresses that must not be mailed: after hard bounces, and by the sender's own word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Annotated

from msgspec import Meta, field

from warmpost.actions.context import Services
from warmpost.actions.suppressions.manage_suppressions import (
    lift_suppression,
    suppress_address,
    suppression_path,
    written,
)
from warmpost.errors import NotFound
from warmpost.gateways.tencent.calls import Action, Call, Parameters, Refused, read_day, require_limit
from warmpost.rules.model.addresses import Flaw, read_address
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Stored
from warmpost.rules.suppressions.documents import Suppression, SuppressionReason
from warmpost.rules.suppressions.precedence import holds

Unsigned = Annotated[int, Meta(ge=0)]
MOST_OF_A_REQUEST = 20_000
LONGEST_ADDRESS = 254
PAGE = 1000
EXPIRED, ACTIVE, ALL = 0, 1, 2
NOTE = "lifted through the Tencent protocol"


class Addresses(Parameters):
    email_address_list: list[str]


class Emails(Parameters):
    emails: list[str]


class NewEntries(Emails):
    expire_date: str | None = None


class ChangedEntry(Parameters):
    id: Unsigned
    email: str
    expire_date: str | None = None


class WantedEntries(Parameters):
    offset: Unsigned
    limit: Unsigned
    status: Unsigned
    email: str | None = None


class WantedBounces(Parameters):
    start_date: str
    end_date: str
    limit: Unsigned
    offset: Unsigned
    email_address: str | None = None
    task_id: str | None = field(name="TaskID", default=None)


def entry_id(address: str) -> int:
    """Below 2^53, which JavaScript's numbers reach; the same for an address for ever."""
    return address_hash(address) & (2**53 - 1)


async def every(
    services: Services, reason: SuppressionReason, lifted: bool = False
) -> list[Stored[Suppression]]:
    """Of the whole deployment, expired ones too, in no order."""
    found: list[Stored[Suppression]] = []
    after: str | None = None
    while True:
        some = await services.store.find(
            Suppression,
            "suppressions",
            ("lifted", "==", lifted),
            ("reason", "==", reason),
            after=after,
            limit=PAGE,
        )
        found += some
        if len(some) < PAGE:
            return found
        after = some[-1].id


async def list_bounced(call: Call, wanted: WantedBounces) -> Mapping[str, object]:
    require_limit(wanted.limit)
    first, last = read_day(wanted.start_date, "StartDate"), read_day(wanted.end_date, "EndDate")
    word = (wanted.email_address or "").casefold()
    kept = [
        one.value
        for one in await every(call.services, "hard_bounce")
        if first <= one.value.since.astimezone(call.zone).date() <= last
        and word in one.value.address.casefold()
    ]
    kept.sort(key=lambda one: one.since, reverse=True)
    return {
        "BlackList": [
            {"BounceTime": call.civil(one.since), "EmailAddress": one.address, "IspDesc": one.note}
            for one in kept[wanted.offset :][: wanted.limit]
        ],
        "TotalCount": len(kept),
    }


async def delete_bounced(call: Call, wanted: Addresses) -> Mapping[str, object]:
    """Hard bounces and complaints; what the sender said stays, and who is not listed is no error."""
    if not wanted.email_address_list:
        raise Refused("MissingParameter", "EmailAddressList has at least one address.")
    for address in wanted.email_address_list:
        await _lift(call, address, ("hard_bounce", "complaint"))
    return {}


async def _lift(call: Call, address: str, reasons: Sequence[str]) -> None:
    known = await call.services.store.get(Suppression, suppression_path(address.strip()))
    if known and not known.value.lifted and known.value.reason in reasons:
        try:
            await lift_suppression(call.services, known.value.address, "", NOTE)
        except NotFound:
            return  # it has expired, or somebody was faster


async def create_entries(call: Call, wanted: NewEntries) -> Mapping[str, object]:
    if not wanted.emails:
        raise Refused("MissingParameter.EmailsNecessary", "Emails has at least one address.")
    if len(wanted.emails) > MOST_OF_A_REQUEST:
        words = f"A request has {MOST_OF_A_REQUEST:,} addresses at most."
        raise Refused("LimitExceeded.ReceiverDetailRequestLimit", words)
    expires_at = _end_of(call, wanted.expire_date)
    counts = {"ValidCount": 0, "TooLongCount": 0, "RepeatCount": 0, "InvalidCount": 0}
    seen: set[str] = set()
    for text in wanted.emails:
        counts[await _entered(call, text, expires_at, seen)] += 1
    return {"TotalCount": len(wanted.emails), **counts}


async def _entered(call: Call, text: str, expires_at: datetime | None, seen: set[str]) -> str:
    """What it counts as."""
    if len(text.strip()) > LONGEST_ADDRESS:
        return "TooLongCount"
    address = read_address(text.strip())
    if isinstance(address, Flaw):
        return "InvalidCount"
    if address.lower() in seen:
        return "RepeatCount"
    seen.add(address.lower())
    known = await call.services.store.get(Suppression, suppression_path(address))
    now = call.services.clock.now()
    if known and known.value.reason == "manual" and holds(known.value, now):
        return "RepeatCount"
    await suppress_address(call.services, _entry(address, now, expires_at))
    return "ValidCount"


def _entry(address: str, now: datetime, expires_at: datetime | None) -> Suppression:
    return Suppression(address, address_hash(address), "manual", now, expires_at=expires_at)


def _end_of(call: Call, text: str | None) -> datetime | None:
    """It holds through that day; None for ever. Raises Refused."""
    if not text:
        return None
    day = read_day(text, "ExpireDate")
    end = datetime.combine(day + timedelta(days=1), time(), call.zone)
    if end <= call.services.clock.now():
        raise Refused("InvalidParameterValue.WrongDate", "ExpireDate is today or later.")
    return end


async def list_entries(call: Call, wanted: WantedEntries) -> Mapping[str, object]:
    require_limit(wanted.limit)
    now, word = call.services.clock.now(), (wanted.email or "").casefold()
    kept = []
    for one in await every(call.services, "manual"):
        status = ACTIVE if holds(one.value, now) else EXPIRED
        if wanted.status in (ALL, status) and word in one.value.address.casefold():
            kept.append((one.value, status))
    kept.sort(key=lambda one: one[0].since, reverse=True)
    return {
        "TotalCount": len(kept),
        "Data": [
            {
                "Id": entry_id(one.address),
                "Email": one.address,
                "CreateTime": call.civil(one.since),
                "ExpireDate": _last_day(call, one.expires_at),
                "Status": status,
            }
            for one, status in kept[wanted.offset :][: wanted.limit]
        ],
    }


def _last_day(call: Call, expires_at: datetime | None) -> str:
    return call.civil(expires_at - timedelta(seconds=1))[:10] if expires_at else ""


async def update_entry(call: Call, wanted: ChangedEntry) -> Mapping[str, object]:
    address = read_address(wanted.email.strip())
    if isinstance(address, Flaw):
        raise Refused("InvalidParameterValue.IllegalEmailAddress", f"Email: the address {address.reason}.")
    expires_at = _end_of(call, wanted.expire_date)
    known = [one for one in await every(call.services, "manual") if entry_id(one.value.address) == wanted.id]
    if not known:
        raise Refused("ResourceNotFound", f"There is no entry with the Id {wanted.id}.")
    before = known[0]
    changed = replace(before.value, expires_at=expires_at)
    if address.lower() == before.value.address.lower():
        await call.services.store.commit(written(before, before.path, changed))
        return {}
    await suppress_address(call.services, _entry(address, call.services.clock.now(), expires_at))
    await _lift(call, before.value.address, ("manual",))
    return {}


async def delete_entries(call: Call, wanted: Emails) -> Mapping[str, object]:
    for address in wanted.emails:
        await _lift(call, address, ("manual",))
    return {}


ACTIONS = {
    "ListBlackEmailAddress": Action(WantedBounces, "read", list_bounced),
    "DeleteBlackList": Action(Addresses, "manage", delete_bounced),
    "CreateCustomBlacklist": Action(NewEntries, "manage", create_entries),
    "ListCustomBlacklist": Action(WantedEntries, "read", list_entries),
    "UpdateCustomBlackList": Action(ChangedEntry, "manage", update_entry),
    "DeleteCustomBlackList": Action(Emails, "manage", delete_entries),
}
