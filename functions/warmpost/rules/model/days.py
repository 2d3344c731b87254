"""Calendar days in the deployment's time zone: the unit of a domain's volume."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def day_of(now: datetime, time_zone: str) -> str:
    """`2026-11-23`."""
    return now.astimezone(ZoneInfo(time_zone)).date().isoformat()
