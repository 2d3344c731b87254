"""A million recipients from level 1, day by day: `python tests/bench/million.py [--count N]` prints Markdown.

Only the relay is imagined: what releases, raises, lowers, pauses and blocks is what runs in production (`rules/`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "functions"))

from warmpost.rules.warmup.forecast import DomainToday, ForecastDay, Run
from warmpost.rules.warmup.levels import WarmupStanding
from warmpost.rules.warmup.reputation import DayFigures

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
FIRST_ROWS, LAST_ROWS = 9, 2


@dataclass(frozen=True)
class Part:
    """A stretch of the list, up to a position. gone, spam: per cent refused as unknown users, as spam."""

    end: int
    gone: int = 0
    spam: int = 0


@dataclass(frozen=True)
class Case:
    title: str
    parts: Sequence[Part]
    level: int = 1


EVER = 10**9
CASES = (
    Case("Good figures: 1 % of the addresses are gone", [Part(EVER, 1)]),
    Case(
        "As lists are: stretches of old or bought addresses (7 % or 10 % gone) between good ones (2 % or 3 %)",
        [
            Part(1_500, 7),
            Part(6_500, 3),
            Part(21_500, 10),
            Part(100_000, 2),
            Part(200_000, 10),
            Part(EVER, 2),
        ],
    ),
    Case("Bad figures: 7 % are gone", [Part(EVER, 7)]),
    Case("A warm domain, level 12, that turns to spam: 6 % refused as such", [Part(EVER, 1, 6)], level=12),
    Case("Very bad figures: 12 % are gone", [Part(EVER, 12)]),
)


class Course(Run):
    """Outcomes by position: every recipient of a part fares as the part does."""

    def __init__(self, case: Case, count: int) -> None:
        self.count, self.parts = count, case.parts
        domain = DomainToday(WarmupStanding(level=case.level))
        super().__init__(count, domain, START, UTC, "figures_stay", "fail", None)

    def outcome(self, count: int) -> DayFigures:
        found, position = DayFigures(), self.count - self.remaining
        for part in self.parts:
            fell = min(part.end, position + count) - position
            if fell > 0:
                found += _figures(part, fell)
                position, count = position + fell, count - fell
        return found


def _figures(part: Part, count: int) -> DayFigures:
    gone, spam = Fraction(count * part.gone, 100), Fraction(count * part.spam, 100)
    return DayFigures(
        attempted=count,
        delivered=count - gone - spam,
        bounced=gone + spam,
        hard_bounced_unknown=gone,
        spam_bounced=spam,
    )


def days(case: Case, count: int) -> list[ForecastDay]:
    course = Course(case, count)
    while course.remaining:
        course.step()
    return course.days


def table(case: Case, count: int) -> str:
    rows = days(case, count)
    number = f"{len(rows):,} {'day' if len(rows) == 1 else 'days'}"
    lines = [
        f"**{case.title}** → {number}",
        "",
        "| day | level | cap | sent | held | decisions |",
        "| --: | --: | --: | --: | --: | --- |",
    ]
    for at, row in enumerate(rows):
        if FIRST_ROWS <= at < len(rows) - LAST_ROWS:
            if at == FIRST_ROWS:
                lines.append("| … | | | | | |")
            continue
        failed = f"{row.failed:,} failed; " if row.failed else ""
        cells = (at + 1, row.level, row.cap or 0, row.sent, row.held_after)
        lines.append(f"| {' | '.join(f'{one:,}' for one in cells)} | {failed}{_told(row)} |")
    return "\n".join(lines)


def _told(row: ForecastDay) -> str:
    """Raises in one breath, everything else in its own words."""
    raised = [one for one in row.decisions if one.kind == "raised"]
    told = [one.reason for one in row.decisions if one.kind != "raised"]
    if raised:
        told.insert(0, f"raised {raised[0].level_before}→{raised[-1].level_after}")
    return "; ".join(told) or "paused at the cap"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    count = parser.parse_args().count
    print("\n\n".join(table(case, count) for case in CASES))


if __name__ == "__main__":
    main()
