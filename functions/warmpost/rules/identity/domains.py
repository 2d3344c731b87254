"""Documents of those who send: domains with their keys, records and warmth, their addresses and relay pools."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from warmpost.rules.model.relays import Relay

IdentityTurn = Literal["records_broken", "records_restored", "suspended"]


@dataclass(frozen=True, slots=True)
class DomainKey:
    selector: str
    algorithm: Literal["rsa-sha256", "ed25519-sha256"]
    public: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record a domain needs. found: what the last look-up saw. status: `missing`, `wrong`, `ok`; `retire` for an old
    DKIM record that may go. stage: of a DKIM record whose key signs nothing yet, or no more; then retires_at says how long.

    broken_since: of a verified domain, the first of the look-ups in a row that found it missing or wrong.
    """

    purpose: Literal["ownership", "dkim", "spf", "dmarc"]
    name: str
    type: str
    expected: str
    found: tuple[str, ...] = ()
    status: Literal["unchecked", "missing", "wrong", "ok", "retire"] = "unchecked"
    note: str = ""
    checked_at: datetime | None = None
    broken_since: datetime | None = None
    stage: Literal["", "incoming", "retiring"] = ""
    retires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """`domains/{domain}`: a sender domain. pool: the relay pool it is bound to, empty for the shared one.

    addresses: how many sender addresses it has; counted in the commits that create and delete them. suspended_at: it
    sends nothing since then, for want of a DKIM record. incoming: keys that sign once their records were seen.
    """

    domain: str
    status: Literal["pending", "verified"]
    keys: tuple[DomainKey, ...]
    records: tuple[Record, ...]
    created_at: datetime
    verified_at: datetime | None = None
    checked_at: datetime | None = None
    suspended_at: datetime | None = None
    pool: str = ""
    addresses: int = 0
    incoming: tuple[DomainKey, ...] = ()


@dataclass(frozen=True, slots=True)
class PauseFields:
    """As `daily_cap.Pause`."""

    until: datetime
    began: datetime
    cap: int
    of: Literal["domain", "pool"]


@dataclass(frozen=True, slots=True)
class Warmth:
    """`warmth/{domain}`: how much a domain may send, and how much of it is taken; every release writes it.

    level, cap, warmup, rules: as `levels.Standing`; rules is a table in JSON, empty for the deployment's. day: the
    calendar day that `reserved` (all volume) and `released` (that of batches) are of. blocked_on: the day of a block.
    """

    level: int = 1
    cap: int | None = None
    warmup: bool = True
    rules: str = ""
    day: str = ""
    reserved: int = 0
    released: int = 0
    pause: PauseFields | None = None
    blocked_on: str = ""
    block_reason: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """`domains/{d}/history/{id}`: one decision. figures: as `Tally`, of the day it was taken on."""

    at: datetime
    kind: Literal["raised", "lowered", "blocked", "paused", "resumed", "kept", "set"] | IdentityTurn
    reason: str
    day: str
    rule: str = ""
    level_before: int | None = None
    level_after: int | None = None
    cap: int | None = None
    figures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoolDay:
    """`pools/{p}/days/{date}`: volume reserved through a pool that has a limit of its own."""

    reserved: int = 0


@dataclass(frozen=True, slots=True)
class SenderAddress:
    """`addresses/{address}`."""

    address: str
    name: str
    domain: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RelayPool:
    """`pools/{name}`. domains: how many are bound to it; counted in the commits that bind them.

    relay_cap: messages per relay and day, where the relays themselves are being warmed up.
    """

    name: str
    relays: tuple[Relay, ...]
    created_at: datetime | None = None
    domains: int = 0
    relay_cap: int | None = None
