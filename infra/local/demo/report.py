"""How the demo looks: steps as they are done, a bar while mail goes out, tables of what became of everybody."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from infra.local.demo.scenario import TROUBLE, UNDER_WAY, Ending, Imported, Trouble

MOST_ROWS = 40  # of a table; what is beyond is counted
MOST_OF_A_HANDFUL = 500  # recipients of whom a rate or a price would be made of a start's fixed share
BAR = 30
STATUSES = {
    "delivered": ("green", "in the mailbox"),
    "sent": ("green", "the relay has taken it"),
    "complained": ("magenta", "reported as spam"),
    "deferred": ("yellow", "the relay said later: tried again for a day"),
    "bounced": ("red", "the relay said no for good"),
    "uncertain": ("cyan", "its answer was lost: not resent by guess"),
    "suppressed": ("bright_black", "on the suppression list: nothing was sent"),
    "failed": ("red", "could not be rendered"),
    "cancelled": ("bright_black", "the batch was cancelled"),
    "held": ("bright_black", "waits for release"),
    "queued": ("bright_black", "waits for a worker"),
    "sending": ("bright_black", "with a worker"),
}


class Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s", style="cyan")


def new_console() -> Console:
    """A hundred columns where nobody looks at a terminal, as in a log."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def step(console: Console, what: str, said: str) -> None:
    console.print(f" [green]✓[/] [bold]{what:<9}[/] {said}")


def new_progress(console: Console) -> Progress:
    return Progress(
        TextColumn(" [green]›[/] [bold]sending[/]  "),
        BarColumn(BAR),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[detail]}"),
        console=console,
    )


def done_in(batch: dict[str, Any]) -> tuple[int, str]:
    """How many are through, and in words how many of them otherwise than well."""
    counts: dict[str, int] = batch["counts"]
    through = sum(number for name, number in counts.items() if name not in UNDER_WAY)
    troubled = (f"{counts[name]:,} {name}" for name in TROUBLE if counts[name])
    return through, ", ".join(troubled)


def show_ending(console: Console, imported: Imported, ending: Ending) -> None:
    console.print()
    console.print(_titled("What became of every recipient", _counts(ending)))
    if imported.rejected:
        console.print(_titled("Rows of the file that were set aside", _rejected(imported.rejected)))
    if ending.trouble:
        console.print(_titled("Who was not reached, in the relay's words", _trouble(ending.trouble)))
    console.print(
        Panel(_figures(ending), box=box.ROUNDED, border_style="green", expand=False, padding=(0, 2))
    )


def _figures(ending: Ending) -> Text:
    """Rates and prices only where they are more than the fixed share of a start."""
    arrived = ((f"{ending.arrived:,}", "bold"), f" message{'s' * (ending.arrived != 1)} in the inbox")
    if ending.recipients < MOST_OF_A_HANDFUL:
        return Text.assemble(
            *arrived, f"  ·  in {ending.seconds:.1f} s  ·  {ending.writes:,} Firestore writes"
        )
    figures = Text.assemble(
        (f"{ending.per_second:,.0f}", "bold"),
        " recipients/s  ·  ",
        (f"{ending.writes_per_thousand:,.1f}", "bold"),
        " Firestore writes per 1,000 recipients  ·  ",
        *arrived,
    )
    if ending.per_million is not None:
        figures.append(f"\n${ending.per_million:,.2f}", "bold")
        figures.append(" per million messages at Google's list prices, without the traffic to the relay")
    return figures


def show_verdict(console: Console, wrong: Sequence[str], recipients: int) -> None:
    everybody = "The one recipient is" if recipients == 1 else f"All {recipients:,} recipients are"
    if not wrong:
        console.print(f"\n [green]✓[/] {everybody} accounted for.")
    for sentence in wrong:
        console.print(f"\n [red]✗[/] Not accounted for: {escape(sentence)}")


def _titled(title: str, table: Table) -> Group:
    return Group(Text(title, style="bold"), Padding(table, (0, 0, 1, 0)))


def _counts(ending: Ending) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    for status, (colour, meaning) in STATUSES.items():
        if number := ending.counts.get(status, 0):
            share = "━" * max(round(BAR * number / ending.recipients), 1)
            table.add_row(f"[{colour}]{status}[/]", f"{number:,}", f"[{colour}]{share:<{BAR}}[/]", meaning)
    return table


def _rejected(rows: Sequence[dict[str, Any]]) -> Table:
    table = _plain("line", "value", "reason")
    for row in rows[:MOST_ROWS]:
        value = str(row.get("value") or row.get("email") or "")
        table.add_row(f"{row['line']:,}", escape(_short(value, 34)), escape(row["reason"]))
    _count_the_rest(table, rows)
    return table


def _trouble(rows: Sequence[Trouble]) -> Table:
    table = _plain("status", "recipient", "words")
    for row in rows[:MOST_ROWS]:
        colour = STATUSES[row.status][0]
        table.add_row(f"[{colour}]{row.status}[/]", escape(_short(row.address, 34)), escape(row.words))
    _count_the_rest(table, rows)
    return table


def _plain(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for number, name in enumerate(columns):
        right = name == "line"
        table.add_column(name, justify="right" if right else "left", no_wrap=number < 2)
    return table


def _count_the_rest(table: Table, rows: Sequence[object]) -> None:
    if len(rows) > MOST_ROWS:
        table.add_row("", f"[dim]and {len(rows) - MOST_ROWS:,} more[/]", "")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
