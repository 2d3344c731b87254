"""How many messages may leave now: a day's volume is booked before anything is queued, and never beyond the cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import ceil
from typing import Literal

from warmpost.rules.model.relays import Relay

PAUSE = timedelta(hours=24)

MOST_AHEAD = 50
SHARE_AHEAD = 200
"""A process takes at most this fraction of what is left, beyond what it needs now, where it sends slowly."""

SHARE_AT_PACE = 2
"""The same where it sends so fast that more will be needed within a second."""

SECONDS_AHEAD = 1.0
GROWTH_AHEAD = 4
"""A burst is no rate yet: at most so many times what was needed since the last reservation."""


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day as moments in UTC: from `starts_at` until just before `ends_at`; 23 to 25 hours, rarely others."""

    date: date
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class DayVolume:
    """Messages booked on one day. returned: booked, then never attempted (suppressed, failed, cancelled).

    What comes back is booked on the day that reserved it, whenever it comes back.
    """

    reserved: int = 0
    returned: int = 0

    @property
    def used(self) -> int:
        return max(self.reserved - self.returned, 0)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What somebody (a domain, a relay pool) may send on one day, `None` for no limit, and has booked of it."""

    cap: int | None
    volume: DayVolume = DayVolume()

    @property
    def room(self) -> int | None:
        return None if self.cap is None else max(self.cap - self.volume.used, 0)


@dataclass(frozen=True, slots=True)
class Pause:
    """The cap was reached: nothing more of batches until `until`, unless that same cap grows.

    of: whose cap it was. cap: how high it stood then. began: the moment of pausing.
    """

    until: datetime
    began: datetime
    cap: int
    of: Literal["domain", "pool"] = "domain"


@dataclass(frozen=True, slots=True)
class Release:
    """What a batch gets. pause: the one in force from now on, to be stored in place of the former.

    resume_at: when to ask again for what was not granted, `None` if all was.
    """

    granted: int
    reason: str
    pause: Pause | None = None
    resume_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a single send may leave. retry_after: seconds. code: for the refusal, empty when admitted."""

    admitted: bool
    reason: str
    code: Literal["", "daily_cap_reached", "domain_blocked"] = ""
    retry_after: int | None = None


def calendar_day(now: datetime, zone: tzinfo) -> Day:
    """The day that `now` falls on in the deployment's time zone. now: aware."""
    today = now.astimezone(zone).date()
    return Day(today, _midnight(today, zone), _midnight(today + timedelta(days=1), zone))


def pool_cap(per_relay: int, relays: Sequence[Relay]) -> int:
    """What a pool may send per day so that the relay with the largest share stays within `per_relay`.

    Relays share a pool's mail in proportion to their weights, so the heaviest one fills first.
    """
    weights = [relay.weight for relay in relays]
    heaviest = max(weights, default=0)
    return per_relay * sum(weights) // heaviest if heaviest > 0 else 0


def decide_release(
    wanted: int,
    domain: Allowance,
    now: datetime,
    day: Day,
    *,
    pool: Allowance | None = None,
    pause: Pause | None = None,
    blocked: str = "",
) -> Release:
    """How many of `wanted` held recipients may be queued now; the caller books `granted` in the same write.

    Ask after the raising rules have been applied, and again once booked volume came back. blocked: the reason of the
    day's block, empty if there is none. Of domain and pool, the smaller room holds. What does not fit pauses the
    domain for exactly 24 hours; a pause ends early when its cap has grown, or when room came back on its own day. Where
    a pause ends on the day it began (25 hours long), that day's cap is still used up: the wait goes on to midnight.
    """
    if wanted < 0:
        raise ValueError("wanted: cannot be negative")
    tightest, of = _tightest(domain, pool)
    room = tightest.room
    in_force = pause if pause and _still_holds(pause, domain, pool, room, now, day) else None
    if blocked and wanted:
        resume = max(day.ends_at, in_force.until) if in_force else day.ends_at
        return Release(0, blocked, in_force, resume)
    if in_force:
        resume_at = in_force.until if wanted else None
        return Release(0, f"paused until {_told(in_force.until)}", in_force, resume_at)
    if room is None or wanted <= room:
        return Release(wanted, _granted(wanted, tightest))
    assert tightest.cap is not None
    until = now + PAUSE
    if pause and not room and pause.began >= day.starts_at:
        until = day.ends_at
    reached = Pause(until, now, tightest.cap, of)
    reason = f"{_granted(room, tightest)}; {of} cap reached, paused until {_told(until)}"
    return Release(room, reason, reached, until)


def decide_single(
    recipients: int,
    domain: Allowance,
    now: datetime,
    day: Day,
    *,
    pool: Allowance | None = None,
    blocked: str = "",
) -> Admission:
    """Whether a single send fits into the day, all of its recipients or none; it never queues.

    A pause of batches does not concern it: the day's room does, which is new at midnight of the deployment's zone.
    """
    retry_after = max(ceil((day.ends_at - now).total_seconds()), 1)
    if blocked:
        return Admission(False, blocked, "domain_blocked", retry_after)
    tightest, of = _tightest(domain, pool)
    if tightest.room is None or recipients <= tightest.room:
        return Admission(True, _granted(recipients, tightest))
    reason = f"{tightest.volume.used:,} of the {of}'s {tightest.cap:,} for {day.date} are used, {recipients:,} more wanted"
    return Admission(False, reason, "daily_cap_reached", retry_after)


def reserve_ahead(room: int | None, used: int, seconds: float) -> int:
    """How many a process reserves beyond what it needs now: a second's worth at its rate, so that a domain's document
    is written about once a second however many leave.

    room: what is left of the day, None where nothing limits it. used, seconds: what the process has handed out since it
    reserved last, and how long ago that was; 0 where it never did.
    """
    few = MOST_AHEAD if room is None else min(MOST_AHEAD, room // SHARE_AHEAD)
    if seconds <= 0:
        return few
    soon = ceil(min(SECONDS_AHEAD * used / seconds, GROWTH_AHEAD * used))
    return max(few, soon if room is None else min(soon, room // SHARE_AT_PACE))


def _tightest(domain: Allowance, pool: Allowance | None) -> tuple[Allowance, Literal["domain", "pool"]]:
    if pool is None or pool.room is None:
        return domain, "domain"
    if domain.room is None or pool.room < domain.room:
        return pool, "pool"
    return domain, "domain"


def _still_holds(
    pause: Pause, domain: Allowance, pool: Allowance | None, room: int | None, now: datetime, day: Day
) -> bool:
    if now >= pause.until:
        return False
    capped = domain if pause.of == "domain" else pool
    if capped is None or capped.cap is None:
        return False
    return not (room and (capped.cap > pause.cap or pause.began >= day.starts_at))


def _granted(count: int, allowance: Allowance) -> str:
    if allowance.cap is None:
        return f"{count:,} released, no cap"
    return f"{count:,} released, {allowance.volume.used + count:,} of {allowance.cap:,} today"


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _midnight(day: date, zone: tzinfo) -> datetime:
    """The first moment of a day; where the clocks skip midnight, that of the change."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
