"""What holds of an address when several things are said of it, by reports, readers and operators, in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import get_args

from warmpost.errors import Invalid
from warmpost.rules.lists.csv_import import CsvOptions, CsvRows, Rejected, Row, open_csv, rejected
from warmpost.rules.model.addresses import Flaw, read_address, read_domain
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.names import has_controls
from warmpost.rules.requests.timestamps import read_moment
from warmpost.rules.suppressions.documents import Suppression, SuppressionReason

MOST_NOTE_CHARACTERS = 500
REASONS: tuple[SuppressionReason, ...] = get_args(SuppressionReason)
COLUMNS = ("address", "reason", "domain", "since", "expires_at", "note")
ADDRESS_COLUMNS = ("address", "email")
_WEIGHT: dict[SuppressionReason, int] = {"unsubscribe": 0, "manual": 1, "hard_bounce": 2, "complaint": 3}


def holds(one: Suppression, now: datetime) -> bool:
    return not one.lifted and (one.expires_at is None or one.expires_at > now)


def weight(one: Suppression) -> tuple[bool, int]:
    """By which the one comes first that says most about an address."""
    return not one.scope, _WEIGHT[one.reason]


def decide(known: Suppression | None, said: Suppression) -> Suppression:
    """What holds when this is said as well; equal to `known` where it changes nothing.

    said: lifted where a reader wants mail again. What was said before a suppression was lifted does not bring it back.
    """
    if known is None:
        return said
    if said.lifted:
        return _lifted(known, said)
    if known.lifted and known.lifted_at is not None:
        return said if said.since > known.lifted_at else known
    if known.expires_at is not None and known.expires_at <= said.since:
        return said
    return _both(known, said)


def _lifted(known: Suppression, said: Suppression) -> Suppression:
    """Readers take back what they asked for themselves, and nothing else."""
    at = said.lifted_at
    if known.reason != "unsubscribe" or at is None:
        return known
    began = known.lifted_at if known.lifted else known.since
    return replace(known, lifted=True, lifted_at=at) if began is not None and began <= at else known


def _both(known: Suppression, said: Suppression) -> Suppression:
    """The heavier reason for the longer time. Of the same reason the first report holds, but a reader's last word."""
    ends = known.expires_at, said.expires_at
    expires_at = None if None in ends else max(end for end in ends if end is not None)
    if _WEIGHT[said.reason] != _WEIGHT[known.reason]:
        heavier = max(known, said, key=lambda one: _WEIGHT[one.reason])
    else:
        heavier = (max if said.reason == "unsubscribe" else min)(known, said, key=_told)
    kept = replace(heavier, expires_at=expires_at, address=known.address)
    return known if replace(kept, changed_at=known.changed_at) == known else kept


def _told(one: Suppression) -> tuple[datetime, str]:
    return one.since, one.note


def by_hand(
    address: str,
    now: datetime,
    reason: str = "manual",
    domain: str = "",
    note: str = "",
    expires_at: str | None = None,
) -> Suppression:
    """A suppression as an operator gives it. Raises Invalid with the field to blame."""
    if address.strip().startswith("*@"):
        reason = "A suppression is of one address; a whole domain is kept out by leaving it off the list."
        raise Invalid("invalid_address", reason, "address")
    found = read_address(address.strip())
    if isinstance(found, Flaw):
        raise Invalid("invalid_address", f"This address {found.reason}.", "address")
    known = next((one for one in REASONS if one == reason), None)
    if known is None:
        raise Invalid("invalid_reason", f"A reason is one of {', '.join(REASONS)}.", "reason")
    until = read_moment(expires_at, None, "expires_at") if expires_at else None
    if until is not None and until <= now:
        raise Invalid("invalid_expires_at", "A suppression expires in the future, or never.", "expires_at")
    require_note(note)
    return Suppression(
        address=found,
        hash=address_hash(found),
        reason=known,
        since=now,
        note=note,
        scope=read_scope(domain),
        expires_at=until,
    )


def read_scope(domain: str) -> str:
    """Empty for the whole deployment. Raises Invalid."""
    if not domain:
        return ""
    found = read_domain(domain.strip())
    if isinstance(found, Flaw):
        raise Invalid("invalid_domain", f"This domain {found.reason}.", "domain")
    return found


def require_note(note: str) -> None:
    """Raises Invalid."""
    if len(note) > MOST_NOTE_CHARACTERS or has_controls(note):
        reason = f"A note has {MOST_NOTE_CHARACTERS} characters at most and no line breaks."
        raise Invalid("invalid_field", reason, "note")


def open_suppressions(body: bytes, options: CsvOptions = CsvOptions()) -> CsvRows | Flaw:  # noqa: B008 -- frozen
    """A file with the column `address` and any of the others that an export has; `since` is not taken over."""
    rows = open_csv(body, options, ADDRESS_COLUMNS)
    if isinstance(rows, Flaw):
        return rows
    strange = next((name for name in rows.columns.names.values() if name not in COLUMNS), None)
    return Flaw(f"has a column {strange!r}; there are {', '.join(COLUMNS)}") if strange else rows


def read_suppression(row: Row, now: datetime) -> Suppression | Rejected:
    given = {name: str(value).strip() for name, value in row.recipient.data.items() if name != "since"}
    if not given.get("reason"):
        given.pop("reason", None)
    try:
        return by_hand(row.recipient.address, now, **given)
    except Invalid as error:
        return rejected(row.line, row.recipient.address, error.message)
