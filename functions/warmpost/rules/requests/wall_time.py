"""The moment at which a wall time occurs, across daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo


def resolve(wall: datetime, zone: tzinfo) -> datetime:
    """The moment in UTC at which a naive wall time occurs: the first of two; where skipped, the moment of the change."""
    by_offset_before, by_offset_after = (
        wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    if by_offset_before.astimezone(zone).replace(tzinfo=None) == wall:
        return by_offset_before
    return _change_between(by_offset_after, by_offset_before, zone)


def _change_between(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first second at which the zone's offset is that of `after`; both in UTC, with one change between them."""
    low, high = 0, round((after - before).total_seconds())
    offset = after.astimezone(zone).utcoffset()
    while low < high:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle + 1
    return before.replace(microsecond=0) + timedelta(seconds=low)
