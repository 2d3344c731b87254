"""The one table: for people at a terminal, and as Markdown for infra/README.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from infra.bench.engines import ENGINES, NODEMAILER, RSA, Course
from infra.bench.figures import Figures
from infra.bench.goals import Goal
from infra.bench.rounds import TWO_WORKERS, WORKER, Key

NAMES = {one.key: one.name for one in ENGINES} | {
    WORKER: "**Warmpost, all stored, 1 worker**",
    TWO_WORKERS: "Warmpost, all stored, 2 workers",
}
HEADINGS = ("messages/s", "noise ±", "× nodemailer", "of core's RSA", "CPU s/1,000", "peak MB")


@dataclass(frozen=True, slots=True)
class Report:
    """sizes: bytes of each one's message. further: lines of what else was measured. rounds: how many were played."""

    figures: Mapping[Key, Figures]
    goals: Sequence[Goal]
    sizes: Mapping[str, int]
    further: Sequence[str]
    command: str
    rounds: int


def show(report: Report, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, title=f"{_machine()}; {_rounds(report)}", title_justify="left")
    table.add_column("", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for course in Course:
        rows = _rows(report.figures, course)
        if rows:
            table.add_row(f"[bold]{course.value}[/]")
        for name, cells in rows:
            plain = name.strip("*")
            table.add_row(f"[bold]{plain}[/]" if name != plain else plain, *cells)
        if rows:
            table.add_section()
    console.print(table)
    goals = Table(box=box.SIMPLE_HEAD)
    goals.add_column("goal")
    for heading in ("wanted", "reached", ""):
        goals.add_column(heading, justify="right")
    for one in report.goals:
        goals.add_row(one.text, _wanted(one), _reached(one), "[green]✓[/]" if one.is_met else "[red]✗[/]")
    console.print(goals)
    for line in report.further:
        console.print(f" {line}", highlight=False)


def markdown(report: Report) -> str:
    """Exactly what stands in infra/README.md."""
    lines = [
        f"`{report.command}`, {datetime.now().astimezone():%Y-%m-%d}, {_machine()}; {_rounds(report)}.",
        "",
        f"| | {' | '.join(HEADINGS)} |",
        f"| --- |{' --: |' * len(HEADINGS)}",
    ]
    for course in Course:
        rows = _rows(report.figures, course)
        if rows:
            lines.append(f"| *{course.value}* |{' |' * len(HEADINGS)}")
        lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows]
    lines += ["", "| goal | wanted | reached |", "| --- | --: | --: |"]
    lines += [
        f"| {one.text} | {_wanted(one)} | {_reached(one)}{'' if one.is_met else ' (missed)'} |"
        for one in report.goals
    ]
    if report.further:
        lines += ["", *[f"- {line}" for line in report.further]]
    return "\n".join(lines)


def _rows(figures: Mapping[Key, Figures], course: Course) -> list[tuple[str, list[str]]]:
    """Fastest first, as whoever reads it looks for."""
    found = [(key, one) for (key, where), one in figures.items() if where is course]
    peer = figures.get((NODEMAILER.key, course))
    core = figures.get((RSA.key, course))
    return [
        (
            NAMES[key],
            [
                f"{one.rate:,.0f}",
                f"{one.spread:.0%}",
                f"{one.rate / peer.rate:.2f}" if peer and key != RSA.key else "",
                f"{one.rate / core.rate:.0%}" if core else "",
                f"{one.cpu:.2f}",
                f"{one.peak:,.0f}" if one.peak else "",
            ],
        )
        for key, one in sorted(found, key=lambda pair: -pair[1].rate)
    ]


def _wanted(goal: Goal) -> str:
    return f"{goal.sense} {goal.wanted:g}"


def _reached(goal: Goal) -> str:
    return f"{goal.reached:.3g}"


def _rounds(report: Report) -> str:
    sizes = report.sizes.values()
    size = f", {min(sizes):,} to {max(sizes):,} bytes a message" if sizes else ""
    return f"medians of {report.rounds} interleaved rounds{size}, RSA-2048"


def _machine() -> str:
    return f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next(
        (one.partition(":")[2].strip() for one in lines if one.startswith("model name")), platform.machine()
    )
