"""How much a domain may send now: its level, its day's volume and figures, read together and decided on together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from warmpost.actions.context import Services
from warmpost.actions.storage.log import log_event
from warmpost.actions.warmup.day_counters import as_figures, read_day_counters
from warmpost.rules.events.day_counters import DayCounters
from warmpost.rules.identity.domains import Domain, RelayPool
from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.relays import SHARED
from warmpost.rules.model.writes import Create, Put, Stored, Update, Write
from warmpost.rules.warmup.daily_cap import Allowance, Day, DayVolume, Pause, calendar_day, pool_cap
from warmpost.rules.warmup.documents import HistoryEntry, PauseFields, PoolDay, WarmupState
from warmpost.rules.warmup.levels import WarmupStanding, parse_table
from warmpost.rules.warmup.reputation import Decision, close_day, raise_standing

UNREPORTED = 1
"""Levels a day where no relay reports: what nobody contradicts proves little."""


def warmup_state_path(domain: str) -> str:
    return f"warmup/{domain}"


@dataclass(frozen=True, slots=True)
class DomainSnapshot:
    """Everything that decides on a domain's volume at one moment.

    stored: None for a domain that never sent. total: the day's counters. pool: the allowance of a pool with a limit.
    closing: what closing the day before adds to the history; written by whoever writes the warm-up state first.
    reported: whether a relay tells what becomes of mail.
    """

    domain: str
    stored: Stored[WarmupState] | None
    warmup_state: WarmupState
    standing: WarmupStanding
    day: Day
    total: DayCounters
    pool: Allowance | None
    pool_day: Stored[PoolDay] | None
    pool_path: str
    closing: tuple[Write, ...] = ()
    reported: bool = True

    @property
    def today(self) -> str:
        return self.day.date.isoformat()

    @property
    def allowance(self) -> Allowance:
        return Allowance(self.standing.cap, DayVolume(self.warmup_state.reserved, self.total.returned))

    @property
    def batch_allowance(self) -> Allowance:
        """What batches may use: what is kept for single sends counts for them as used, once singles have used more."""
        cap, whole = self.standing.batch_cap, self.standing.cap
        if cap is None or whole is None:
            return self.allowance
        of_batches = max(self.warmup_state.released - self.total.returned, 0)
        used = max(of_batches, self.allowance.volume.used - (whole - cap))
        return Allowance(cap, DayVolume(used))

    @property
    def on_the_way(self) -> int:
        """Volume of batches that was released today and has neither been attempted nor come back."""
        return max(self.warmup_state.released - self.total.settled, 0)

    @property
    def pause(self) -> Pause | None:
        pause = self.warmup_state.pause
        return Pause(pause.until, pause.began, pause.cap, pause.of) if pause else None

    @property
    def blocked(self) -> str:
        return self.warmup_state.block_reason if self.warmup_state.blocked_on == self.today else ""


async def read_snapshot(services: Services, domain: str) -> DomainSnapshot:
    """Reads a domain's warm-up state. The first look on a new day closes the one before: its volume counts no more, and bad
    figures cost a level.
    """
    now = services.clock.now()
    day = calendar_day(now, ZoneInfo(services.policy.time_zone))
    today = day.date.isoformat()
    stored = await services.store.get(WarmupState, warmup_state_path(domain))
    warmup_state = stored.value if stored else WarmupState(day=today)
    closing: tuple[Write, ...] = ()
    if warmup_state.day < today:
        warmup_state, closing = await _close(services, domain, warmup_state, today, now)
    total = await read_day_counters(services.store, domain, warmup_state.day)
    pool, pool_day, path = await _pool(services, domain, warmup_state.day)
    reported = await _is_reported(services, domain)
    standing = standing_of(services, warmup_state, reported)
    return DomainSnapshot(
        domain, stored, warmup_state, standing, day, total, pool, pool_day, path, closing, reported
    )


async def _close(
    services: Services, domain: str, warmup_state: WarmupState, today: str, now: datetime
) -> tuple[WarmupState, tuple[Write, ...]]:
    """The warm-up state as the new day begins, and the history of the one that ends; nothing where nothing was sent."""
    after = replace(warmup_state, day=today, reserved=0, released=0, raised=0)
    if not warmup_state.day:
        return after, ()
    total = await read_day_counters(services.store, domain, warmup_state.day)
    if not total.attempted:
        return after, ()
    decision = close_day(
        standing_of(services, warmup_state), as_figures(total), date.fromisoformat(warmup_state.day)
    )
    return replace(after, level=decision.level_after or warmup_state.level), (
        decided(domain, warmup_state.day, total, decision, now),
    )


def with_raises(snapshot: DomainSnapshot) -> tuple[DomainSnapshot, tuple[Decision, ...]]:
    """The snapshot as it is with the raises that are due; whoever writes it writes them into the history."""
    raises = () if snapshot.blocked else raise_standing(snapshot.standing, as_figures(snapshot.total))
    if not raises:
        return snapshot, ()
    level = raises[-1].level_after or snapshot.warmup_state.level
    raised = snapshot.warmup_state.raised + len(raises)
    warmup_state = replace(snapshot.warmup_state, level=level, raised=raised)
    standing = replace(snapshot.standing, level=level, raised_today=raised)
    return replace(snapshot, warmup_state=warmup_state, standing=standing), raises


def standing_of(services: Services, warmup_state: WarmupState, reported: bool = True) -> WarmupStanding:
    """reported: whether the domain's relays tell what becomes of its mail."""
    table = parse_table(warmup_state.rules) if warmup_state.rules else services.policy.levels
    per_day = table.raises_per_day or services.policy.levels.raises_per_day
    return WarmupStanding(
        warmup_state.level,
        table,
        warmup_state.cap,
        warmup_state.warmup,
        warmup_state.reserve,
        UNREPORTED if per_day is None and not reported else per_day,
        warmup_state.raised,
    )


async def _is_reported(services: Services, domain: str) -> bool:
    """Whether a relay of the domain's says what becomes of mail, by events or because it is the mailbox itself."""
    bound = await services.cache.get(Domain, f"domains/{domain}")
    name = (bound.pool if bound else "") or SHARED
    pool = await services.cache.get(RelayPool, f"pools/{name}")
    relays = pool.relays if pool else services.policy.shared_pool.relays
    return any(one.final or one.reports == "events" for one in relays)


async def _pool(
    services: Services, domain: str, today: str
) -> tuple[Allowance | None, Stored[PoolDay] | None, str]:
    bound = await services.cache.get(Domain, f"domains/{domain}")
    name = bound.pool if bound else ""
    pool = await services.cache.get(RelayPool, f"pools/{name}") if name else None
    if pool is None or pool.relay_cap is None:
        return None, None, ""
    path = f"pools/{name}/days/{today}"
    stored = await services.store.get(PoolDay, path)
    reserved = stored.value.reserved if stored else 0
    return Allowance(pool_cap(pool.relay_cap, pool.relays), DayVolume(reserved)), stored, path


def keep(snapshot: DomainSnapshot, warmup_state: WarmupState) -> list[Write]:
    """Writes the warm-up state, provided nobody else did since it was read."""
    path = warmup_state_path(snapshot.domain)
    if snapshot.stored is None:
        return [Create(path, warmup_state), *snapshot.closing]
    changes = {name: getattr(warmup_state, name) for name in WarmupState.__slots__}
    return [Update(path, changes, snapshot.stored.version), *snapshot.closing]


def keep_pool(snapshot: DomainSnapshot, granted: int) -> list[Write]:
    if snapshot.pool is None:
        return []
    reserved = snapshot.pool.volume.reserved + granted
    if snapshot.pool_day is None:
        return [Create(snapshot.pool_path, PoolDay(reserved))]
    return [Update(snapshot.pool_path, {"reserved": reserved}, snapshot.pool_day.version)]


def pause_fields(pause: Pause | None) -> PauseFields | None:
    return PauseFields(pause.until, pause.began, pause.cap, pause.of) if pause else None


def decided(domain: str, day: str, total: DayCounters, decision: Decision, at: datetime) -> Write:
    """A decision of the rules, for the domain's history."""
    kind: Literal["raised", "lowered", "blocked", "kept"] = decision.kind
    entry = HistoryEntry(
        at=at,
        kind=kind,
        reason=decision.reason,
        day=day,
        rule=decision.rule,
        level_before=decision.level_before,
        level_after=decision.level_after,
        cap=decision.cap,
        figures=asdict(total),
    )
    return remember(domain, entry)


def remember(domain: str, entry: HistoryEntry) -> Write:
    """Named by time and content: the same decision told twice is one entry."""
    name = f"{entry.at:%Y%m%dT%H%M%S%f}-{short_hash(entry.kind, entry.reason, length=6)}"
    return Put(f"domains/{domain}/history/{name}", entry)


def tell_decisions(domain: str, *writes: Write) -> None:
    """To the log, once they are written: what moved a level or blocked a day."""
    for write in writes:
        entry = write.value if isinstance(write, Put) else None
        if not isinstance(entry, HistoryEntry) or entry.kind not in ("raised", "lowered", "blocked"):
            continue
        log_event(
            "day_blocked" if entry.kind == "blocked" else "level_changed",
            f"{domain} {entry.kind}: {entry.reason}",
            domain=domain,
            day=entry.day,
            rule=entry.rule,
            level_before=entry.level_before,
            level=entry.level_after,
        )
