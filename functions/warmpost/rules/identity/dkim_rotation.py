"""A sender domain's change of DKIM keys, without a moment in which a signature cannot be verified.

The new record is published beside the old one; once it was seen the new key signs, and the old record stays for what is
still on its way (RFC 6376 section 3.6.1 and M3AAWG's advice on rotation: days, not hours).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from warmpost.rules.identity.domains import Domain, DomainKey, Record
from warmpost.rules.message.dkim import record_name, record_value

KEPT = timedelta(days=7)
"""Longer than relays and readers keep mail that they have not verified yet."""

RETIRED = "No mail needs it any more: delete it from the DNS."


def begin_rotation(domain: Domain, keys: Sequence[DomainKey]) -> Domain:
    """The domain with records for new keys, which sign nothing yet."""
    records = [
        Record(
            "dkim",
            record_name(one.selector, domain.domain),
            "TXT",
            record_value(one.algorithm, one.public),
            stage="incoming",
        )
        for one in keys
    ]
    last = max(at for at, one in enumerate(domain.records) if one.purpose == "dkim") + 1
    return replace(
        domain, incoming=tuple(keys), records=(*domain.records[:last], *records, *domain.records[last:])
    )


def advance_rotation(domain: Domain, now: datetime) -> Domain:
    """After a look at its records: new keys sign once all of theirs are right; old records go when their time is over."""
    incoming = [one for one in domain.records if one.stage == "incoming"]
    if incoming and all(one.status == "ok" and one.checked_at == now for one in incoming):
        domain = replace(
            domain,
            keys=domain.incoming,
            incoming=(),
            records=tuple(_switched(one, now) for one in domain.records),
        )
    records = tuple(_retired(one, now) for one in domain.records)
    return replace(domain, records=tuple(one for one in records if not _is_gone(one, now)))


def _switched(record: Record, now: datetime) -> Record:
    if record.purpose != "dkim" or record.stage == "retiring":
        return record
    if record.stage == "incoming":
        return replace(record, stage="")
    return replace(record, stage="retiring", retires_at=now + KEPT, broken_since=None)


def _retired(record: Record, now: datetime) -> Record:
    is_over = record.retires_at is not None and now >= record.retires_at
    return replace(record, status="retire", note=RETIRED) if is_over and record.found else record


def _is_gone(record: Record, now: datetime) -> bool:
    """Its time is over and nobody publishes it any more."""
    return record.retires_at is not None and now >= record.retires_at and record.status == "missing"


def turn_of(before: Domain, after: Domain) -> str:
    """A sentence for the log; empty where nothing turned."""
    if before.incoming and not after.incoming:
        names = " and ".join(one.selector for one in after.keys)
        return f"{after.domain} signs with {names} from now on; its old record stays published for a week"
    ready = {one.name for one in after.records if one.status == "retire"}
    if ready - {one.name for one in before.records if one.status == "retire"}:
        return f"{after.domain}: the old DKIM record may be deleted from the DNS: {', '.join(sorted(ready))}"
    return ""
