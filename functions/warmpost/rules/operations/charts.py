"""Where the marks of a chart go: pure geometry, so that a page writes SVG with attributes and no style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEFT, RIGHT, TOP, BOTTOM = 50.0, 776.0, 14.0, 206.0
HEIGHT = BOTTOM - TOP
TIP_WIDTH = 178.0
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a column."""

    name: str
    y: float
    height: float
    value: float


@dataclass(frozen=True, slots=True)
class Column:
    """tip: where its tool tip begins, within the picture. has_tick: whether there is room for its label."""

    label: str
    x: float
    marks: tuple[Mark, ...]
    tip: float
    has_tick: bool


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Columns:
    width: float
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]


def top_of(highest: float) -> float:
    """The end of an axis: a round number that is not below the highest value."""
    if highest <= 4:
        return 4.0
    power = 1.0
    while power * 10 <= highest:
        power *= 10
    return next(power * one for one in NICE if power * one >= highest)


def ticks(top: float, count: int = 4) -> tuple[Tick, ...]:
    return tuple(Tick(BOTTOM - HEIGHT * row / count, top * row / count) for row in range(count + 1))


def stack_columns(
    labels: Sequence[str], rows: Sequence[Mapping[str, float]], names: Sequence[str], most_ticks: int = 15
) -> Columns:
    """One column a row, its parts on top of each other in the order of `names`; of the same length, not negative."""
    top = top_of(max((sum(row.get(name, 0) for name in names) for row in rows), default=0))
    step = (RIGHT - LEFT) / max(len(rows), 1)
    width = min(step * 0.62, 40.0)
    every = -(-len(rows) // most_ticks) or 1
    columns = []
    for at, (label, row) in enumerate(zip(labels, rows, strict=True)):
        x = LEFT + step * at + (step - width) / 2
        tip = x + width + 8 if x + width + 8 + TIP_WIDTH <= RIGHT + 8 else x - TIP_WIDTH - 8
        has_tick = (len(rows) - 1 - at) % every == 0
        columns.append(Column(label, round(x, 1), _marks(row, names, top), round(max(tip, 0.0), 1), has_tick))
    return Columns(round(width, 1), tuple(columns), ticks(top))


def _marks(row: Mapping[str, float], names: Sequence[str], top: float) -> tuple[Mark, ...]:
    marks, y = [], BOTTOM
    for name in names:
        value = row.get(name, 0)
        if value > 0:
            height = value / top * HEIGHT
            y -= height
            marks.append(Mark(name, round(y, 2), round(max(height - 0.8, 0.6), 2), value))
    return tuple(marks)


def spark_line(values: Sequence[float | None], lowest: float = 0.0, highest: float | None = None) -> str:
    """Points of a line in a box of 100 by 28, `L0 12L50 3…`; empty without two values. None repeats the one before."""
    known = [one for one in values if one is not None]
    if len(values) < 2 or not known:
        return ""
    top = max(highest if highest is not None else max(known), lowest + 1e-9)
    last, points = known[0], []
    for at, value in enumerate(values):
        last = last if value is None else value
        share = min(max((last - lowest) / (top - lowest), 0.0), 1.0)
        points.append(f"L{at * 100 / (len(values) - 1):.1f} {26 - share * 22:.1f}")
    return "".join(points)


@dataclass(frozen=True, slots=True)
class Line:
    """path: of an SVG path. end_x, end_y: where it ends, for a dot."""

    path: str
    end_x: float
    end_y: float


def draw_line(points: Sequence[tuple[float, float]], last_x: float, top: float) -> Line | None:
    """points: x from 0 to last_x, y from 0 to top. None without any."""
    if not points:
        return None
    placed = [place(x, y, last_x, top) for x, y in points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
    return Line(path, round(placed[-1][0], 1), round(placed[-1][1], 1))


def place(x: float, y: float, last_x: float, top: float) -> tuple[float, float]:
    across = LEFT + 8 + (RIGHT - LEFT - 36) * (x / last_x if last_x else 0)
    return across, BOTTOM - HEIGHT * (y / top if top else 0)
