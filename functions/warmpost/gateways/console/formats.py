"""How the console writes figures, shares, sums and times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

MINUTE, HOUR, DAY = 60, 3600, 86400


def functions(zone: tzinfo, now: datetime, translate: Callable[..., str]) -> dict[str, Any]:
    """By the names that templates know them by. zone: of the deployment, which all times are written in."""

    def when(text: str | datetime | None, exact: bool = False) -> str:
        at = read_time(text)
        return write_time(at.astimezone(zone), now.astimezone(zone), translate, exact) if at else "–"

    def utc(text: str | datetime | None) -> str:
        at = read_time(text)
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""

    def ago(text: str | datetime | None) -> str:
        at = read_time(text)
        return span(abs((now - at).total_seconds()), translate) if at else "–"

    return {
        "when": when,
        "utc": utc,
        "ago": ago,
        "n": number,
        "share": share,
        "money": money,
        "size": size,
    }


def read_time(text: str | datetime | None) -> datetime | None:
    if isinstance(text, datetime) or text is None:
        return text
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def write_time(at: datetime, now: datetime, translate: Callable[..., str], exact: bool = False) -> str:
    """Both in the zone that is shown: "today 18:41", "tomorrow 17:53", "Mon 30 Nov 17:53"."""
    clock = f"{at:%H:%M:%S}" if exact else f"{at:%H:%M}"
    days = (at.date() - now.date()).days
    if -1 <= days <= 1:
        return f"{translate(('yesterday', 'today', 'tomorrow')[days + 1])} {clock}"
    year = f" {at.year}" if at.year != now.year else ""
    return f"{translate(f'{at:%a}')} {at.day} {translate(f'{at:%b}')}{year} {clock}"


def span(seconds: float, translate: Callable[..., str]) -> str:
    if seconds < MINUTE:
        return translate("{count} s", count=round(seconds))
    if seconds < HOUR:
        return translate("{count} min", count=round(seconds / MINUTE))
    if seconds < 2 * DAY:
        return translate(
            "{hours} h {minutes} min", hours=int(seconds // HOUR), minutes=int(seconds % HOUR // MINUTE)
        )
    return translate("{count} days", count=round(seconds / DAY))


def number(value: float | None) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "–"


def share(value: float | None, digits: int = 1) -> str:
    """Of 1, in per cent, without zeros that say nothing."""
    if not isinstance(value, int | float):
        return "–"
    text = f"{value * 100:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def money(value: float | None, currency: str = "USD") -> str:
    if not isinstance(value, int | float):
        return "–"
    digits = 2 if value >= 1 or not value else 4 if value >= 0.0001 else 7
    return f"{'$' if currency == 'USD' else f'{currency} '}{value:,.{digits}f}"


def size(value: float) -> str:
    for unit in ("B", "KB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
