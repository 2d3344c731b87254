"""The shapes of what `/manage/domains` and `/manage/levels` answer, for the OpenAPI document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from msgspec import field

from warmpost.gateways.api.answers import Answer, Count
from warmpost.gateways.api.check_answers import PreflightPoint
from warmpost.rules.warmup.documents import IdentityTurn
from warmpost.rules.warmup.levels import Figure

Change = Literal["raised", "lowered", "blocked", "paused", "resumed", "kept", "set"]


class Record(Answer):
    """A DNS record: what is expected and what the last look-up found.

    stage: of a DKIM record whose key does not sign yet, or no more. status `retire`: it may be deleted from the DNS.
    """

    purpose: Literal["ownership", "dkim", "spf", "dmarc"]
    name: str
    type: str
    expected: str
    found: list[str]
    status: Literal["unchecked", "missing", "wrong", "ok", "retire"]
    note: str
    checked_at: datetime | None
    stage: Literal["incoming", "retiring"] | None
    retires_at: datetime | None


class BrokenRecord(Answer):
    purpose: Literal["ownership", "dkim", "spf", "dmarc"]
    name: str
    since: datetime | None
    note: str


class DomainHealth(Answer):
    """ok: null until the domain is verified. suspended_at, reason: it sends nothing since then, for want of a record."""

    ok: bool | None
    broken: list[BrokenRecord]
    suspended_at: datetime | None
    reason: str | None


class Domain(Answer):
    domain: str
    status: Literal["pending", "verified"]
    records: list[Record]
    health: DomainHealth
    pool: str | None
    addresses: Count
    created_at: datetime
    verified_at: datetime | None
    checked_at: datetime | None


class DomainRow(Domain):
    """With what its warm-up allows today."""

    level: int
    cap: int | None
    sent_today: Count
    state: Literal["open", "paused", "blocked"]
    paused_until: datetime | None


class RuleReading(Answer):
    """How one condition of a rule stands."""

    rule: str
    condition: Figure
    now: str
    needed: str
    holds: bool


class WarmDomain(Domain):
    """With its warm-up of today. state: of batches; blocked: why. rates: null without a denominator.

    reserve: the share of the cap that batches leave to single sends. raises_per_day: levels that a day can raise, null for
    as many as it earns; 1 where no relay reports, unless the table says otherwise. reported: whether one does.
    """

    level: int
    cap: int | None
    warmup: bool
    cap_by_hand: int | None
    reserve: float
    raises_per_day: int | None
    reported: bool
    day: str
    sent_today: Count
    reserved: Count
    state: Literal["open", "paused", "blocked"]
    blocked: str | None
    paused_until: datetime | None
    figures: dict[str, int]
    rates: dict[str, float | None]
    rules: list[RuleReading]


class DayDecision(Answer):
    """One decision about a domain, and the figures it was taken on."""

    at: datetime
    decision: Change | IdentityTurn
    reason: str
    rule: str | None
    day: str
    level_before: int | None
    level_after: int | None
    cap: int | None
    figures: dict[str, int]


class Decision(DayDecision):
    id: str


class Day(Answer):
    """level_start, level_end: as it began and ended. cap: at its end, null for no limit. rates: null without outcomes."""

    day: date
    level_start: int
    level_end: int
    cap: int | None
    sent: Count
    rates: dict[str, float | None]
    decisions: list[DayDecision]


class Days(Answer):
    """items: the newest first, without days on which nothing was sent and decided."""

    first: date = field(name="from")
    last: date = field(name="to")
    items: list[Day]


class Preflight(Answer):
    domain: str
    ready: bool
    checked_at: datetime
    points: list[PreflightPoint]


class Level(Answer):
    level: int
    cap: int


Rules = dict[str, dict[str, str]]


class Levels(Answer):
    levels: list[Level]
    caps: list[int]
    raise_: Rules = field(name="raise")
    lower: Rules
    block: Rules
    raises_per_day: int | None
