"""RFC 5545 recurrence rules and IANA time zones, by dateutil and zoneinfo; see `rules.schedules.recurrence`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from warmpost.errors import Invalid
from warmpost.rules.requests.timestamps import read_zone
from warmpost.rules.requests.wall_time import resolve
from warmpost.rules.schedules import recurrence
from warmpost.rules.schedules.recurrence import Series, parse_every

LAST_START_YEAR = 2300
LONGEST_RRULE = 500
MOST_RUNS = 1_000_000
_FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_RANGES: Mapping[str, tuple[int, int, bool]] = {
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 59, False),
    "BYSETPOS": (1, 366, True),
}
_ONLY_WITH: Mapping[str, tuple[str, ...]] = {
    "BYWEEKNO": ("YEARLY",),
    "BYYEARDAY": ("YEARLY", "HOURLY"),
    "BYMONTHDAY": ("YEARLY", "MONTHLY", "DAILY", "HOURLY"),
}
_KNOWN = {"FREQ", "INTERVAL", "UNTIL", "COUNT", "WKST", "BYDAY", *_RANGES}
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


def parse_series(
    start_at: datetime,
    timezone: str = "UTC",
    *,
    every: int | str | None = None,
    rrule: str | None = None,
    until: datetime | None = None,
    count: int | None = None,
) -> Series:
    """A series from what a client asked for, so that a rule that cannot work is refused before it is stored.

    start_at, until: aware. every: hours, or text such as `6h`, `2d`. rrule: RFC 5545 section 3.3.10, the value alone; an
    UNTIL or COUNT in it moves to the series. The start of an `rrule` counts in whole seconds, rounded up.
    Raises Invalid with the field to blame.
    """
    zone = read_zone(timezone)
    if start_at.year > LAST_START_YEAR:
        raise Invalid(
            "invalid_start_at", f"A start can be at most in the year {LAST_START_YEAR}.", "start_at"
        )
    if every is not None and rrule is not None:
        raise Invalid("invalid_rrule", "Give every or rrule, not both.", "rrule")
    hours = _hours(every) if every is not None else None
    text = ""
    if rrule is not None:
        start_at = _whole_second(start_at)
        parts = _parts(rrule)
        until, count = _end(parts, zone, until, count)
        text = ";".join(f"{name}={value}" for name, value in parts.items())
        _check_comes_up(text, start_at.astimezone(zone).replace(tzinfo=None, fold=0))
    if count is not None and not 1 <= count <= MOST_RUNS:
        raise Invalid("invalid_count", f"A count is the number of runs, from 1 to {MOST_RUNS:,}.", "count")
    series = Series(start_at, zone, hours, text, until, count)
    if next_run(None, series) is None:
        raise Invalid("invalid_until", "There is no run before the end; until must be later.", "until")
    return series


def next_run(after: datetime | None, series: Series) -> datetime | None:
    """The first run later than `after` in UTC (`None`: the first of all), `None` once the series has ended."""
    return recurrence.next_run(after, series, expand_rrule)


def missed_runs(last: datetime | None, now: datetime, series: Series) -> Iterator[datetime]:
    """The runs due after `last` (`None`: none has run) up to and including `now`, oldest first."""
    return recurrence.missed_runs(last, now, series, expand_rrule)


def expand_rrule(rule: str, anchor: datetime) -> Iterator[datetime]:
    """The naive wall times of a rule from `anchor` on, until the year 9999."""
    return iter(rrulestr(rule, dtstart=anchor))


def _hours(every: int | str) -> int:
    try:
        return parse_every(every)
    except ValueError as error:
        raise Invalid("invalid_every", f"every {error}.", "every") from None


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0) + timedelta(seconds=1) if moment.microsecond else moment


def _refused(message: str) -> Invalid:
    return Invalid("invalid_rrule", message, "rrule")


def _parts(rrule: str) -> dict[str, str]:
    """The rule's parts by name, checked against RFC 5545 and against runs less than an hour apart."""
    if len(rrule) > LONGEST_RRULE:
        raise _refused(f"A rule has at most {LONGEST_RRULE} characters.")
    parts: dict[str, str] = {}
    for part in rrule.strip().upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, sign, value = part.partition("=")
        if name == "DTSTART" or "DTSTART" in name:
            raise _refused("A rule holds no DTSTART; start_at says when the series begins.")
        if not sign or name not in _KNOWN:
            raise _refused(
                f"{part or 'An empty part'}: must be a part of RFC 5545, as in FREQ=WEEKLY;BYDAY=MO."
            )
        if name in parts:
            raise _refused(f"{name} is given twice.")
        parts[name] = value
    frequency = parts.get("FREQ", "")
    if frequency not in _FREQUENCIES:
        message = "FREQ must be HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY; runs are at least an hour apart."
        raise _refused(message)
    for name, value in parts.items():
        _check_part(name, value, frequency)
    if "BYSETPOS" in parts and not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise _refused("BYSETPOS picks from what another BY part gives; add one, such as BYDAY.")
    return parts


def _check_part(name: str, value: str, frequency: str) -> None:
    if frequency not in _ONLY_WITH.get(name, _FREQUENCIES):
        raise _refused(f"{name} cannot be used with FREQ={frequency} (RFC 5545 section 3.3.10).")
    if name in ("INTERVAL", "COUNT") and not (_is_number(value) and int(value) >= 1):
        raise _refused(f"{name} must be a whole number from 1 to 99999.")
    if name == "WKST" and not re.fullmatch("MO|TU|WE|TH|FR|SA|SU", value):
        raise _refused("WKST must be a day such as MO.")
    if name == "BYDAY":
        for day in value.split(","):
            match = _DAY.fullmatch(day)
            if match is None or (match[1] is not None and not 1 <= abs(int(match[1])) <= 53):
                raise _refused(
                    f"BYDAY={value}: must be days such as MO,TH or, in a month or year, 1MO or -1FR."
                )
            if match[1] is not None and frequency not in ("MONTHLY", "YEARLY"):
                raise _refused(f"BYDAY={value}: a numbered day needs FREQ=MONTHLY or YEARLY.")
    if name in _RANGES:
        low, high, negative = _RANGES[name]
        for number in value.split(","):
            plain = number.removeprefix("+").removeprefix("-") if negative else number
            if not _is_number(plain) or not low <= int(plain) <= high:
                also = f", or from -{high} to -1" if negative else ""
                raise _refused(f"{name}={value}: must be from {low} to {high}{also}.")
    if name in ("BYMINUTE", "BYSECOND") and "," in value:
        raise _refused(f"{name} takes one value; runs are at least an hour apart.")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _end(
    parts: dict[str, str], zone: ZoneInfo, until: datetime | None, count: int | None
) -> tuple[datetime | None, int | None]:
    """The series' end, with UNTIL and COUNT taken out of the rule; each may be said in one place only."""
    if "UNTIL" in parts and "COUNT" in parts:
        raise _refused("A rule ends by UNTIL or by COUNT, not by both.")
    if "UNTIL" in parts:
        if until is not None:
            raise _refused("The end is given twice: as until and as UNTIL in the rule.")
        until = _until(parts.pop("UNTIL"), zone)
    if "COUNT" in parts:
        if count is not None:
            raise _refused("The count is given twice: as count and as COUNT in the rule.")
        count = int(parts.pop("COUNT"))
    return until, count


def _until(value: str, zone: ZoneInfo) -> datetime:
    """UNTIL as a moment: UTC with `Z`, else wall time; a date alone includes that day."""
    match = _UNTIL.fullmatch(value)
    try:
        if match is None:
            raise ValueError
        day = datetime.strptime(match[1], "%Y%m%d")
        if match[2] is None:
            return resolve(datetime.combine(day, time(23, 59, 59)), zone)
        wall = datetime.combine(day, datetime.strptime(match[2], "%H%M%S").time())
        return wall.replace(tzinfo=UTC) if match[3] else resolve(wall, zone)
    except (ValueError, OverflowError):
        raise _refused(
            f"UNTIL={value}: must be such as 20301231, 20301231T180000 or 20301231T170000Z."
        ) from None


def _check_comes_up(rule: str, anchor: datetime) -> None:
    """Refuse a rule that never fits, on which an expansion would search until the year 9999.

    The calendar repeats every 400 years, so the search is made on the last such stretch before that year.
    """
    try:
        first = next(expand_rrule(rule, anchor.replace(year=anchor.year % 400 + 9600)), None)
    except (ValueError, TypeError) as error:
        raise _refused(f"The rule cannot be read: {error}.") from None
    if first is None:
        raise _refused("The rule never comes up: no day and time fits all of its parts.")
