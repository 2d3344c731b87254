"""Documents of those who send: domains with their keys, records and warm-up state, their addresses and relay pools."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from warmpost.rules.model.relays import Relay


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
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SenderAddress:
    """`addresses/{address}`. smtp_password: as `smtp_passwords.keep_password` makes it, empty for none.

    unsubscribe: language of the footer of single messages that say nothing of it, empty for none; held in
    `unsubscribe_kept` while it is switched off.
    """

    address: str
    name: str
    domain: str
    created_at: datetime
    smtp_password: str = field(default="", repr=False)
    unsubscribe: str = ""
    unsubscribe_kept: str = ""


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
