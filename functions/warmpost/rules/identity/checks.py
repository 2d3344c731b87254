"""What a new look at a domain's DNS records changes: what broke, what is right again, and whether it may go on sending.

Only what was seen counts: a look-up that failed leaves its record as it was. Mail goes on for three days without a DKIM
record, so that a mishap in the DNS can be mended before it costs anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from warmpost.rules.identity.dkim_rotation import advance_rotation
from warmpost.rules.identity.dns_records import TxtValues, compare, is_verified
from warmpost.rules.identity.domains import Domain, Record

SUSPENDED_AFTER = timedelta(hours=72)
WATCHED = ("dkim", "spf", "dmarc")
"""Purposes of the records that receivers look at; the proof of ownership may go once it was seen."""


@dataclass(frozen=True, slots=True)
class Check:
    """domain: as it is now. broken, restored: records that were not so before. turn: whether sending ended or goes on."""

    domain: Domain
    broken: tuple[Record, ...] = ()
    restored: tuple[Record, ...] = ()
    turn: Literal["", "suspended", "resumed"] = ""


def check_domain(domain: Domain, found: Sequence[TxtValues], now: datetime, spf_include: str = "") -> Check:
    """found: one for each of the domain's records. A pending domain is verified once all its records are right."""
    records = tuple(
        _seen(domain, one, values, now, spf_include)
        for one, values in zip(domain.records, found, strict=True)
    )
    verified = domain.status == "verified" or is_verified(records)
    rotated = advance_rotation(replace(domain, records=records), now)
    suspended_at = _suspended_at(domain, rotated.records, now)
    checked = replace(
        rotated,
        status="verified" if verified else "pending",
        checked_at=domain.checked_at if None in found else now,
        verified_at=domain.verified_at or (now if verified else None),
        suspended_at=suspended_at,
    )
    pairs = list(zip(domain.records, records, strict=True))
    turned = bool(suspended_at) != bool(domain.suspended_at)
    return Check(
        checked,
        tuple(after for before, after in pairs if after.broken_since and not before.broken_since),
        tuple(after for before, after in pairs if before.broken_since and not after.broken_since),
        ("suspended" if suspended_at else "resumed") if turned else "",
    )


def _seen(domain: Domain, record: Record, values: TxtValues, now: datetime, spf_include: str) -> Record:
    if values is None:
        return record
    seen = replace(compare(record, values, spf_include), checked_at=now)
    if seen.status == "ok":
        return replace(seen, broken_since=None)
    if domain.status == "verified" and record.purpose in WATCHED and not record.stage:
        return replace(seen, broken_since=record.broken_since or now)
    return seen


def _suspended_at(domain: Domain, records: Sequence[Record], now: datetime) -> datetime | None:
    since = unsigned_since(records)
    if domain.suspended_at or since is None:
        return domain.suspended_at if since else None
    seen_now = all(one.checked_at == now for one in signing_records(records))
    return now if seen_now and now - since >= SUSPENDED_AFTER else None


def signing_records(records: Sequence[Record]) -> list[Record]:
    """Those that all receivers can verify signatures by: Ed25519 keys (RFC 8463) are passed over by most."""
    return [one for one in records if one.purpose == "dkim" and not one.stage and "k=rsa" in one.expected]


def unsigned_since(records: Sequence[Record]) -> datetime | None:
    """Since when no signature can be verified; None while one can."""
    broken = [one.broken_since for one in signing_records(records)]
    known = [since for since in broken if since is not None]
    return max(known) if known and len(known) == len(broken) else None


def broken_records(domain: Domain) -> list[Record]:
    return [one for one in domain.records if one.broken_since]


def is_healthy(domain: Domain) -> bool | None:
    """None for a domain that was never verified: nothing of it was right yet."""
    return not broken_records(domain) if domain.status == "verified" else None


def describe(records: Sequence[Record]) -> str:
    return " ".join(
        f"{one.purpose.upper()} record {one.name}: {one.note or 'right again.'}" for one in records
    )


def suspension_reason(domain: Domain) -> str:
    """A sentence for whoever is refused; empty while the domain may send."""
    since = unsigned_since(domain.records)
    if domain.suspended_at is None or since is None:
        return ""
    names = ", ".join(one.name for one in signing_records(domain.records))
    return (
        f"{domain.domain} is suspended: its DKIM record {names} has been missing or wrong since"
        f" {since:%Y-%m-%d %H:%M} UTC; publish it as expected, then verify the domain."
    )
