"""When a batch will be out: the same rules that release it, run ahead of time against a relay that is only imagined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Literal, get_args

from warmpost.rules.warmup.daily_cap import (
    Allowance,
    Day,
    DayVolume,
    Pause,
    Release,
    calendar_day,
    decide_release,
)
from warmpost.rules.warmup.levels import WarmupStanding
from warmpost.rules.warmup.reputation import DayFigures, Decision, close_day, evaluate_block, raise_standing

Assumption = Literal["level_stays", "figures_stay", "figures_good"]
"""level_stays: no move, no block. figures_stay: every message fares as those before it did, in proportion (with
none before it, nothing is known and the level stays). figures_good: every message is delivered and opened."""

HORIZON = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class DomainToday:
    """Where a domain stands at the moment of asking.

    blocked: the reason of today's block, empty if there is none. pool: today's allowance of a dedicated pool with a cap.
    like: the figures that `figures_stay` goes on from, today's if `None`.
    """

    standing: WarmupStanding
    figures: DayFigures = DayFigures()
    volume: DayVolume = DayVolume()
    pause: Pause | None = None
    blocked: str = ""
    pool: Allowance | None = None
    like: DayFigures | None = None


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """One calendar day on which something leaves (or fails in a block).

    starts_at, ends_at: when that day's first message leaves, and its last (from a slow relay perhaps on a later day).
    level, cap: in force at the end of the day's sending (cap `None`: no limit). held_after: what waits on. decisions: what
    the day's figures did to the domain, with reasons.
    """

    date: date
    starts_at: datetime
    ends_at: datetime
    level: int
    cap: int | None
    sent: int
    held_after: int
    failed: int = 0
    decisions: tuple[Decision, ...] = ()


def forecast(
    remaining: int,
    domain: DomainToday,
    now: datetime,
    zone: tzinfo,
    assumption: Assumption,
    *,
    on_block: Literal["fail", "hold"] = "fail",
    per_second: int | None = None,
) -> tuple[ForecastDay, ...]:
    """Day by day, how many of `remaining` recipients leave.

    Nobody else's mail is foreseen; what is booked and not yet attempted is taken to be attempted at once. zone: the
    deployment's, for calendar days. per_second: messages that the relays take, `None` for all at once. Looks ten years
    ahead: if the last day still holds some, or there is no day at all, no end is in sight.
    """
    run = Run(remaining, domain, now, zone, assumption, on_block, per_second)
    while run.remaining and run.now < now + HORIZON:
        run.step()
    return tuple(run.days)


def forecasts(
    remaining: int,
    domain: DomainToday,
    now: datetime,
    zone: tzinfo,
    *,
    on_block: Literal["fail", "hold"] = "fail",
    per_second: int | None = None,
) -> Mapping[Assumption, tuple[ForecastDay, ...]]:
    """The forecast under each of the three assumptions."""
    return {
        each: forecast(remaining, domain, now, zone, each, on_block=on_block, per_second=per_second)
        for each in get_args(Assumption)
    }


class Run:
    """The state of one domain while imagined days pass."""

    def __init__(
        self,
        remaining: int,
        domain: DomainToday,
        now: datetime,
        zone: tzinfo,
        assumption: Assumption,
        on_block: Literal["fail", "hold"],
        per_second: int | None,
    ) -> None:
        self.remaining, self.now, self.zone, self.assumption = remaining, now, zone, assumption
        self.on_block, self.per_second = on_block, per_second
        self.standing, self.figures, self.volume = domain.standing, domain.figures, domain.volume
        self.pause, self.blocked, self.pool = domain.pause, domain.blocked, domain.pool
        self.like = domain.figures if domain.like is None else domain.like
        self.day = calendar_day(now, zone)
        self.days: list[ForecastDay] = []
        self.decisions: list[Decision] = []
        self.attempt(domain.volume.used - int(domain.figures.attempted))

    def step(self) -> None:
        """One release and what follows from it, or the wait until the next can succeed."""
        if self.now >= self.day.ends_at:
            self.begin_day(calendar_day(self.now, self.zone))
        if self.blocked and self.on_block == "fail":
            self.book(0, failed=self.remaining)
            return
        release = self.release()
        self.pause = release.pause
        if release.granted:
            started = self.now
            self.volume = replace(self.volume, reserved=self.volume.reserved + release.granted)
            if self.pool is not None:
                of_pool = self.pool.volume
                booked = replace(of_pool, reserved=of_pool.reserved + release.granted)
                self.pool = replace(self.pool, volume=booked)
            self.attempt(release.granted)
            if self.per_second:
                self.now += timedelta(seconds=release.granted / self.per_second)
            self.book(release.granted, started=started)
        elif release.resume_at is not None:
            self.now = release.resume_at

    def release(self) -> Release:
        allowance = Allowance(self.standing.batch_cap, self.volume)
        return decide_release(
            self.remaining,
            allowance,
            self.now,
            self.day,
            pool=self.pool,
            pause=self.pause,
            blocked=self.blocked,
        )

    def attempt(self, count: int) -> None:
        """Let the imagined relay take messages, and the rules look at the outcome."""
        if count <= 0:
            return
        self.figures += self.outcome(count)
        if self.assumption == "level_stays":
            return
        block = evaluate_block(self.figures, self.day.date, self.standing.rules)
        if block.changes and not self.blocked:
            self.blocked = block.reason
            self.decisions.append(block)
        if not self.blocked:
            self.move(raise_standing(self.standing, self.figures))

    def outcome(self, count: int) -> DayFigures:
        if self.assumption == "figures_good":
            return DayFigures(attempted=count, delivered=count, tracked_delivered=count, opened=count)
        if self.assumption == "figures_stay" and self.like.attempted:
            return self.like.scaled(Fraction(count) / self.like.attempted)
        return DayFigures(attempted=count)

    def move(self, decisions: tuple[Decision, ...]) -> None:
        for decision in decisions:
            self.decisions.append(decision)
            if decision.changes and decision.level_after is not None:
                raised = self.standing.raised_today + (decision.kind == "raised")
                self.standing = replace(self.standing, level=decision.level_after, raised_today=raised)

    def begin_day(self, day: Day) -> None:
        if self.assumption != "level_stays":
            lowered = close_day(self.standing, self.figures, self.day.date)
            if lowered.changes:
                self.move((lowered,))
        if self.days and self.days[-1].date == self.day.date and self.decisions:
            self.days[-1] = replace(self.days[-1], decisions=self.days[-1].decisions + tuple(self.decisions))
            self.decisions = []
        self.day, self.figures, self.volume, self.blocked = day, DayFigures(), DayVolume(), ""
        self.standing = replace(self.standing, raised_today=0)
        if self.pool is not None:
            self.pool = replace(self.pool, volume=DayVolume())

    def book(self, sent: int, *, failed: int = 0, started: datetime | None = None) -> None:
        """Note what left in the row of this calendar day."""
        self.remaining -= sent + failed
        row = ForecastDay(self.day.date, started or self.now, self.now, 0, None, 0, 0)
        if self.days and self.days[-1].date == self.day.date:
            row = self.days.pop()
        self.days.append(
            replace(
                row,
                ends_at=self.now,
                level=self.standing.level,
                cap=self.standing.cap,
                sent=row.sent + sent,
                held_after=self.remaining,
                failed=row.failed + failed,
                decisions=row.decisions + tuple(self.decisions),
            )
        )
        self.decisions = []
