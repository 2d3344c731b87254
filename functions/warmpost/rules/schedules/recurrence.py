"""When a recurring series runs: from its rule to moments, with wall time kept across daylight saving."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count

from warmpost.rules.requests.wall_time import resolve

LONGEST_INTERVAL_HOURS = 24 * 3660
_EVERY = re.compile(r"(\d{1,6})\s*(h|d|w)?", re.ASCII)
_HOURS = {None: 1, "h": 1, "d": 24, "w": 24 * 7}


@dataclass(frozen=True, slots=True)
class Series:
    """A run at `start_at`, and further ones by one of two rules; with neither it runs once.

    start_at: aware; the anchor, and no run is earlier. timezone: where wall time is kept. every_hours: whole days (multiples
    of 24) keep the wall time and so may last an hour less or more; other intervals are hours of elapsed time.
    rrule: an RFC 5545 recurrence rule without COUNT and UNTIL; only times that fit it run, so `start_at` itself may not.
    until: the last moment at which a run may start. count: of runs, in all.
    """

    start_at: datetime
    timezone: tzinfo
    every_hours: int | None = None
    rrule: str = ""
    until: datetime | None = None
    count: int | None = None


WallTimes = Callable[[str, datetime], Iterator[datetime]]
"""Expands an RFC 5545 rule from a naive wall time on: naive wall times, ascending, not before it."""


def parse_every(value: int | str) -> int:
    """An interval in hours from a number of hours or from text such as `6h`, `2d`, `1w`; ValueError otherwise."""
    match = _EVERY.fullmatch(str(value)) if not isinstance(value, bool) else None
    hours = int(match[1]) * _HOURS[match[2]] if match else 0
    if not 1 <= hours <= LONGEST_INTERVAL_HOURS:
        raise ValueError("must be whole hours, from 1 to ten years: 24, or '6h', '2d', '1w'")
    return hours


def runs(series: Series, expand: WallTimes) -> Iterator[datetime]:
    """Every run of a series in UTC, ascending, each once; endless where neither `until` nor `count` ends it.

    A wall time that the clocks skip runs at the next that exists, one that comes twice runs the first time. Two wall
    times that fall on one moment are one run, and count as one.
    """
    last: datetime | None = None
    number = 0
    for moment in _moments(series, expand):
        if series.until is not None and moment > series.until:
            return
        if last is not None and moment <= last:
            continue
        number += 1
        if series.count is not None and number > series.count:
            return
        last = moment
        yield moment


def next_run(after: datetime | None, series: Series, expand: WallTimes) -> datetime | None:
    """The first run later than `after` (`None`: the first of all), `None` once the series has ended."""
    return next((moment for moment in runs(series, expand) if after is None or moment > after), None)


def missed_runs(
    last: datetime | None, now: datetime, series: Series, expand: WallTimes
) -> Iterator[datetime]:
    """The runs due after `last` (`None`: none has run) up to and including `now`, oldest first."""
    for moment in runs(series, expand):
        if moment > now:
            return
        if last is None or moment > last:
            yield moment


def _moments(series: Series, expand: WallTimes) -> Iterator[datetime]:
    """Runs before any end is looked at. Never earlier than the start, though its wall time may come twice."""
    start = series.start_at.astimezone(UTC)
    if series.rrule or (series.every_hours and series.every_hours % 24 == 0):
        anchor = series.start_at.astimezone(series.timezone).replace(tzinfo=None, fold=0)
        walls = expand(series.rrule, anchor) if series.rrule else _by_days(anchor, series.every_hours or 0)
        for wall in walls:
            yield max(resolve(wall, series.timezone), start)
    elif series.every_hours:
        for number in count():
            try:
                yield start + timedelta(hours=number * series.every_hours)
            except OverflowError:
                return
    else:
        yield start


def _by_days(anchor: datetime, every_hours: int) -> Iterator[datetime]:
    for number in count():
        try:
            yield anchor + timedelta(hours=number * every_hours)
        except OverflowError:
            return
