"""Moments as callers write them: RFC 3339, or the wall time of a named time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from warmpost.errors import Invalid
from warmpost.rules.requests.wall_time import resolve

_MOMENT = re.compile(
    r"(?P<wall>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d)?)(?P<fraction>\.\d{1,9})?"
    r"(?P<offset>[Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)


def read_zone(name: str) -> ZoneInfo:
    """Raises Invalid."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        message = f"{name[:100]!r} is no IANA time zone; such names are Europe/Berlin, America/New_York, UTC."
        raise Invalid("invalid_timezone", message, "timezone") from None


def read_moment(text: str, zone: ZoneInfo | None, field: str) -> datetime:
    """In UTC and whole seconds, rounded up. Without an offset it is wall time in `zone`. Raises Invalid."""
    match = _MOMENT.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        wall = datetime.fromisoformat(match["wall"].upper())
        offset = match["offset"]
        if offset:
            moment = datetime.fromisoformat(wall.isoformat() + offset.upper()).astimezone(UTC)
        elif zone is not None:
            moment = resolve(wall, zone)
        else:
            raise Invalid(
                f"invalid_{field}",
                "A time without an offset needs `timezone`; with one it is such as 2026-03-29T09:00:00+02:00.",
                field,
            )
        return moment + timedelta(seconds=bool(match["fraction"] and match["fraction"].strip(".0")))
    except (ValueError, OverflowError):
        raise Invalid(
            f"invalid_{field}",
            f"{text[:100]!r} is no time; RFC 3339 looks like 2026-03-29T09:00:00+02:00.",
            field,
        ) from None
