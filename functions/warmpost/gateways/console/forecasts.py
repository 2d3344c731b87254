"""The picture of a forecast: what will have left, day by day, if figures are good, stay as they are, or the level stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from warmpost.rules.operations.charts import Line, draw_line, place, ticks, top_of

ASSUMPTIONS = ("level_stays", "figures_stay", "figures_good")
MOST_LABELS = 8


def forecast_chart(forecast: dict[str, Any], now: datetime, left: int = 0) -> dict[str, Any] | None:
    """left: how many have left already. None where nothing remains."""
    remaining = forecast["remaining"]
    if not remaining:
        return None
    series = {
        name: _points(forecast["assumptions"][name]["days"], now, left, remaining) for name in ASSUMPTIONS
    }
    last = max((points[-1][0] for points in series.values()), default=1.0) or 1.0
    top = top_of(left + remaining)
    lines: dict[str, Line | None] = {name: draw_line(points, last, top) for name, points in series.items()}
    return {"lines": lines, "ticks": ticks(top), "labels": _labels(now, last, top), "days": last}


def _points(
    days: Sequence[dict[str, Any]], now: datetime, left: int, remaining: int
) -> list[tuple[float, float]]:
    points = [(0.0, float(left))]
    for day in days:
        begins = (datetime.fromisoformat(day["starts_at"]) - now).total_seconds() / 86400
        begins = max(begins, points[-1][0])
        points.append((begins, points[-1][1]))
        points.append((begins + 0.15, float(left + remaining - day["held_after"])))
    return points


def _labels(now: datetime, last: float, top: float) -> list[tuple[float, datetime]]:
    step = max(round(last / MOST_LABELS), 1)
    marks = []
    for day in range(0, int(last) + 1, step):
        marks.append((round(place(day, 0, last, top)[0], 1), now + timedelta(days=day)))
    return marks
