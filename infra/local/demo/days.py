"""How a warm-up looks: the days as they pass, what was foreseen, and whether everything adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from infra.local.demo.api import Json
from infra.local.demo.scenario import UNDER_WAY

ASSUMPTIONS = {
    "level_stays": "the level stays",
    "figures_stay": "the figures stay as they are",
    "figures_good": "the figures are good enough to rise",
}
WIDTHS = (13, 7, 11, 9, 9, 11)
HEADS = ("date", "level", "cap", "sent", "held", "foreseen")


@dataclass(frozen=True, slots=True)
class PassedDay:
    """From one pause of the domain to the next. level, cap: at its end. sent: tried. held, failed: after it."""

    date: str
    level: int
    cap: int
    sent: int
    held: int
    failed: int
    decisions: tuple[str, ...]


def show_forecast(console: Console, foreseen: Json) -> None:
    console.print("\n [bold]Forecast[/] before the start")
    for name, words in ASSUMPTIONS.items():
        console.print(f"   if {words:<38}{_told(foreseen['assumptions'][name])}")
    console.print()


def _told(assumption: Json) -> str:
    if assumption["ends_at"] is None:
        return "no end in sight"
    number = assumption["days_in_all"]
    return f"{number:,} {'day' if number == 1 else 'days'}, through on {assumption['ends_at'][:10]}"


def held_by_date(foreseen: Json, assumption: str) -> dict[str, int]:
    return {day["date"]: day["held_after"] for day in foreseen["assumptions"][assumption]["days"]}


def show_heading(console: Console) -> None:
    console.print(
        "   [dim]held: at the end of the day; foreseen: what would be held then if the level stayed[/]"
    )
    _line(console, HEADS, "dim")


def show_day(console: Console, day: PassedDay, foreseen: int, before: Sequence[PassedDay]) -> None:
    numbers = (day.cap, day.sent, day.held, foreseen)
    _line(console, (day.date, str(day.level), *(f"{one:,}" for one in numbers)))
    if before and before[-1].decisions == day.decisions:
        console.print("      [dim]as the day before[/]")
        return
    for decision in day.decisions:
        colour = {"raised": "green", "lowered": "yellow", "blocked": "red"}.get(decision.split()[0], "dim")
        console.print(Padding(f"[{colour}]{escape(decision)}[/]", (0, 0, 0, 6)))


def _line(console: Console, cells: Sequence[str], style: str = "") -> None:
    console.print("".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True)), style=style)


def show_ending(
    console: Console, passed: Sequence[PassedDay], foreseen: Json, batch: Json, writes: int
) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for head in ("", "days", "through on"):
        table.add_column(head, justify="right" if head == "days" else "left", no_wrap=True)
    for name, words in ASSUMPTIONS.items():
        assumed = foreseen["assumptions"][name]
        table.add_row(
            f"foreseen if {words}", f"{assumed['days_in_all']:,}", (assumed["ends_at"] or "never")[:10]
        )
    end = passed[-1].date if batch["status"] == "done" else f"{batch['status']} on {passed[-1].date}"
    table.add_row("[bold]what happened[/]", f"[bold]{len(passed):,}[/]", f"[bold]{end}[/]")
    console.print()
    console.print(table)
    counts = ", ".join(f"{number:,} {name}" for name, number in batch["counts"].items() if number)
    share = writes * 1000 / max(batch["recipients"], 1)
    console.print(f" {counts}  ·  {share:,.1f} Firestore writes per 1,000 recipients")
    if batch["reason"]:
        console.print(f" [red]{escape(batch['reason'])}[/]")


def mistakes(passed: Sequence[PassedDay], batch: Json, taken: int) -> list[str]:
    """What does not add up, in sentences. taken: messages that the relay counted."""
    counts: dict[str, int] = batch["counts"]
    wrong = [
        f"{day.sent:,} were sent on {day.date}, whose cap was {day.cap:,}"
        for day in passed
        if day.sent > day.cap
    ]
    if sum(counts.values()) != batch["recipients"]:
        wrong.append(f"{batch['recipients']:,} in the batch, {sum(counts.values()):,} in its counts")
    if told := [status for status in UNDER_WAY if counts[status]]:
        wrong.append(f"still {', '.join(told)}")
    handed = counts["sent"] + counts["delivered"]
    if not handed <= taken <= handed + counts["uncertain"]:
        wrong.append(f"{handed:,} were sent, the relay took {taken:,}")
    return wrong
