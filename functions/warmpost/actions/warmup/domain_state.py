"""How much a domain may send now: its level, its day's volume and figures, read together and decided on together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from warmpost.actions.context import Services
from warmpost.actions.storage.log import tell
from warmpost.actions.warmup.day_counters import as_figures, read_tally
from warmpost.rules.events.day_counters import Tally
from warmpost.rules.identity.domains import Domain, RelayPool
from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.writes import Create, Put, Stored, Update, Write
from warmpost.rules.warmup.daily_cap import Allowance, Day, DayVolume, Pause, calendar_day, pool_cap
from warmpost.rules.warmup.documents import HistoryEntry, PauseFields, PoolDay, Warmth
from warmpost.rules.warmup.levels import Standing, parse_table
from warmpost.rules.warmup.reputation import Decision, close_day, raise_standing


def warmth_path(domain: str) -> str:
    return f"warmth/{domain}"


@dataclass(frozen=True, slots=True)
class Weather:
    """Everything that decides on a domain's volume at one moment.

    stored: None for a domain that never sent. total: the day's tally. pool: the allowance of a pool with a limit.
    closing: what closing the day before adds to the history; written by whoever writes the warmth first.
    """

    domain: str
    stored: Stored[Warmth] | None
    warmth: Warmth
    standing: Standing
    day: Day
    total: Tally
    pool: Allowance | None
    pool_day: Stored[PoolDay] | None
    pool_path: str
    closing: tuple[Write, ...] = ()

    @property
    def today(self) -> str:
        return self.day.date.isoformat()

    @property
    def allowance(self) -> Allowance:
        return Allowance(self.standing.cap, DayVolume(self.warmth.reserved, self.total.returned))

    @property
    def on_the_way(self) -> int:
        """Volume of batches that was released today and has neither been attempted nor come back."""
        return max(self.warmth.released - self.total.settled, 0)

    @property
    def pause(self) -> Pause | None:
        pause = self.warmth.pause
        return Pause(pause.until, pause.began, pause.cap, pause.of) if pause else None

    @property
    def blocked(self) -> str:
        return self.warmth.block_reason if self.warmth.blocked_on == self.today else ""


async def look(services: Services, domain: str) -> Weather:
    """Reads a domain's warmth. The first look on a new day closes the one before: its volume counts no more, and bad
    figures cost a level.
    """
    now = services.clock.now()
    day = calendar_day(now, ZoneInfo(services.policy.time_zone))
    today = day.date.isoformat()
    stored = await services.store.get(Warmth, warmth_path(domain))
    warmth = stored.value if stored else Warmth(day=today)
    closing: tuple[Write, ...] = ()
    if warmth.day < today:
        warmth, closing = await _close(services, domain, warmth, today, now)
    total = await read_tally(services.store, domain, warmth.day)
    pool, pool_day, path = await _pool(services, domain, warmth.day)
    standing = standing_of(services, warmth)
    return Weather(domain, stored, warmth, standing, day, total, pool, pool_day, path, closing)


async def _close(
    services: Services, domain: str, warmth: Warmth, today: str, now: datetime
) -> tuple[Warmth, tuple[Write, ...]]:
    """The warmth as the new day begins, and the history of the one that ends; nothing where nothing was sent."""
    after = replace(warmth, day=today, reserved=0, released=0)
    if not warmth.day:
        return after, ()
    total = await read_tally(services.store, domain, warmth.day)
    if not total.attempted:
        return after, ()
    decision = close_day(standing_of(services, warmth), as_figures(total), date.fromisoformat(warmth.day))
    return replace(after, level=decision.level_after or warmth.level), (
        decided(domain, warmth.day, total, decision, now),
    )


def with_raises(weather: Weather) -> tuple[Weather, tuple[Decision, ...]]:
    """The weather as it is with the raises that are due; whoever writes it writes them into the history."""
    raises = () if weather.blocked else raise_standing(weather.standing, as_figures(weather.total))
    if not raises:
        return weather, ()
    level = raises[-1].level_after or weather.warmth.level
    warmth = replace(weather.warmth, level=level)
    return replace(weather, warmth=warmth, standing=replace(weather.standing, level=level)), raises


def standing_of(services: Services, warmth: Warmth) -> Standing:
    table = parse_table(warmth.rules) if warmth.rules else services.policy.levels
    return Standing(warmth.level, table, warmth.cap, warmth.warmup)


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


def keep(weather: Weather, warmth: Warmth) -> list[Write]:
    """Writes the warmth, provided nobody else did since it was read."""
    path = warmth_path(weather.domain)
    if weather.stored is None:
        return [Create(path, warmth), *weather.closing]
    changes = {name: getattr(warmth, name) for name in Warmth.__slots__}
    return [Update(path, changes, weather.stored.version), *weather.closing]


def keep_pool(weather: Weather, granted: int) -> list[Write]:
    if weather.pool is None:
        return []
    reserved = weather.pool.volume.reserved + granted
    if weather.pool_day is None:
        return [Create(weather.pool_path, PoolDay(reserved))]
    return [Update(weather.pool_path, {"reserved": reserved}, weather.pool_day.version)]


def pause_fields(pause: Pause | None) -> PauseFields | None:
    return PauseFields(pause.until, pause.began, pause.cap, pause.of) if pause else None


def decided(domain: str, day: str, total: Tally, decision: Decision, at: datetime) -> Write:
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
        tell(
            "day_blocked" if entry.kind == "blocked" else "level_changed",
            f"{domain} {entry.kind}: {entry.reason}",
            domain=domain,
            day=entry.day,
            rule=entry.rule,
            level_before=entry.level_before,
            level=entry.level_after,
        )
