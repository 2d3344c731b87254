"""A domain's days: at which level each began and ended, what was sent, with which rates, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

from warmpost.actions.context import Services
from warmpost.actions.warmup.day_counters import as_figures
from warmpost.actions.warmup.domain_state import read_snapshot
from warmpost.actions.warmup.manage_warmup import rates_of
from warmpost.errors import Invalid
from warmpost.rules.events.day_counters import DayCounters
from warmpost.rules.model.writes import Stored
from warmpost.rules.warmup.documents import HistoryEntry

MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class BookedDay(DayCounters):
    """The fields of a figures document that a domain's rules look at."""

    day: str = ""


@dataclass(frozen=True, slots=True)
class WarmupDay:
    """level_start, level_end: as it began and ended. cap: at its end, None for no limit. decisions: in order."""

    day: date
    level_start: int
    level_end: int
    cap: int | None
    sent: int
    rates: Mapping[str, float | None]
    decisions: Sequence[HistoryEntry]


async def list_days(services: Services, domain: str, first: date, last: date) -> list[WarmupDay]:
    """The newest first, days without mail and decisions left out. Raises Invalid."""
    if not first <= last < first + timedelta(days=MOST_DAYS):
        raise Invalid("invalid_period", f"A period has 1 to {MOST_DAYS} days.", "from")
    booked, history = await _read(services, domain, first, last)
    standing = (await read_snapshot(services, domain)).standing
    counters, entries = _added(booked), _by_day(history)
    level, cap = standing.level, standing.cap
    days: list[WarmupDay] = []
    for day in sorted({*counters, *entries}, reverse=True):
        begin, end = _levels(entries.get(day, []), level)
        caps = [one.cap for one in entries.get(day, []) if one.cap is not None]
        cap = caps[-1] if caps else cap if end == standing.level else standing.rules.cap(end)
        total = counters.get(day, DayCounters())
        shown = WarmupDay(
            date.fromisoformat(day),
            begin,
            end,
            cap,
            total.attempted,
            rates_of(as_figures(total)),
            entries.get(day, []),
        )
        days += [shown] if day <= last.isoformat() else []
        level = begin
    return days


async def _read(
    services: Services, domain: str, first: date, last: date
) -> tuple[list[Stored[BookedDay]], list[Stored[HistoryEntry]]]:
    """Decisions up to today, for the levels are known backwards from now."""
    booked = await services.store.find(
        BookedDay,
        "figures",
        ("day", ">=", first.isoformat()),
        ("day", "<=", last.isoformat()),
        ("domain", "==", domain),
        order_by="day",
        everywhere=True,
        partial=True,
    )
    history = await services.store.find(
        HistoryEntry, f"domains/{domain}/history", ("day", ">=", first.isoformat()), order_by="day"
    )
    return booked, history


def _by_day(history: Sequence[Stored[HistoryEntry]]) -> dict[str, list[HistoryEntry]]:
    entries: dict[str, list[HistoryEntry]] = {}
    for one in sorted(history, key=lambda stored: stored.id):
        entries.setdefault(one.value.day, []).append(one.value)
    return entries


def _levels(decided: Sequence[HistoryEntry], later: int) -> tuple[int, int]:
    """At which level a day began and ended. later: where the next day that is known began."""
    moves = [
        (one.level_before, one.level_after)
        for one in decided
        if one.level_before is not None and one.level_after is not None
    ]
    return (moves[0][0], moves[-1][1]) if moves else (later, later)


def _added(booked: Sequence[Stored[BookedDay]]) -> dict[str, DayCounters]:
    found: dict[str, DayCounters] = {}
    for one in booked:
        counts = DayCounters(*(getattr(one.value, each.name) for each in fields(DayCounters)))
        found[one.value.day] = found.get(one.value.day, DayCounters()) + counts
    return found
