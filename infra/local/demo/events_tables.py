"""How the demo of events ends: what was told, how it got there, the figures, and who is left out from now on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local.demo.api import Json
from infra.local.demo.expected_events import Ending, Tale, counted, tales
from infra.local.demo.receiver import Receiver
from infra.local.demo.scripted_readers import ScriptedReaders

SIMULATOR = "simulator"

KINDS = {
    "delivered": "green",
    "deferred": "yellow",
    "bounced": "red",
    "complained": "magenta",
    "opened": "cyan",
    "clicked": "cyan",
    "unsubscribed": "blue",
    "resubscribed": "blue",
    "dropped": "bright_black",
}
FIGURES = (
    *("requested", "sent", "delivered", "bounced", "deferred", "complained", "suppressed"),
    *("opened", "clicked", "unsubscribed"),
)
MOST_NOTE = 32
WORDS = ("answer", "reason", "holds", "note")
REASONS = {"hard_bounce": "red", "complaint": "magenta", "unsubscribe": "blue", "manual": "yellow"}


def show_told(console: Console, readers: ScriptedReaders, ending: Ending, receiver: Receiver) -> None:
    wanted, got = tales(readers, ending.put_off), counted(ending.told)
    table = _table("", "expected", "told", "missing", "too many", "by programs", "simulated")
    for kind, colour in KINDS.items():
        of_kind = [one for one in ending.told if one["type"] == kind]
        missing, extra = _of(kind, wanted - got), _of(kind, got - wanted)
        table.add_row(
            f"[{colour}]{kind}[/]",
            f"{_of(kind, wanted):,}",
            f"[bold]{len(of_kind):,}[/]",
            *(f"[red]{number:,}[/]" if number else "[dim]0[/]" for number in (missing, extra)),
            *(_number(sum(one[mark] for one in of_kind)) for mark in ("machine", "simulated")),
        )
    _titled(console, "What the receiver was told", table)
    wrong = len(receiver.refused)
    parts = (
        f"[bold]{len(ending.told):,}[/] events in [bold]{len(receiver.taken):,}[/] requests",
        f"[red]{wrong:,} wrong signatures[/]" if wrong else "every signature holds",
        f"{receiver.turned_away:,} turned away",
        f"{receiver.repeated:,} repetition recognised",
    )
    line = Text.from_markup(" · ".join(parts))
    console.print(Panel(line, box=box.ROUNDED, border_style="green", expand=False, padding=(0, 1)), "")


def _of(kind: str, counts: Counter[Tale]) -> int:
    return sum(number for (told, _), number in counts.items() if told == kind)


def show_attempts(console: Console, attempts: Sequence[Json]) -> None:
    """attempts: of the notification that needed the most, in order."""
    table = _table("attempt", "at", "requests", "events taken", "answer")
    for one in attempts:
        colour = "red" if one["error"] else "green"
        table.add_row(
            str(one["attempt"]),
            one["at"][11:19],
            f"{one['requests']:,}",
            f"{one['events']:,}",
            f"[{colour}]{escape(one['error'] or 'status ' + str(one['status_code']))}[/]",
        )
    _titled(console, "How the first of them got there [dim](by the moved clock)[/]", table)


def show_statistics(console: Console, rows: Sequence[Json]) -> None:
    """rows: by provider, the simulator's among them."""
    counted_in = sorted(
        (one for one in rows if one["provider"] != SIMULATOR), key=lambda one: -one["requested"]
    )
    apart = [one for one in rows if one["provider"] == SIMULATOR]
    total: Counter[str] = Counter()
    for row in counted_in:
        total.update({name: number for name, number in row.items() if isinstance(number, int)})
    table = _table("", *(one["provider"] for one in counted_in), "all", *(one["provider"] for one in apart))
    for name in FIGURES:
        table.add_row(
            name,
            *(_figure(one, name) for one in counted_in),
            f"[bold]{_figure(total, name)}[/]",
            *(f"[dim]{_figure(one, name)}[/]" for one in apart),
        )
    _titled(console, "Statistics of both batches by mailbox provider [dim](+ by programs)[/]", table)


def _figure(row: Mapping[str, Any], name: str) -> str:
    machines = row.get(f"machine_{name}", 0)
    number = _number(row.get(name, 0))
    return f"{number} [dim]+{machines}[/]" if machines else number


def _number(number: int) -> str:
    return f"{number:,}" if number else "[dim]·[/]"


def show_suppressions(console: Console, items: Sequence[Json]) -> None:
    table = _table("address", "reason", "holds", "note")
    for one in sorted(items, key=lambda one: (list(REASONS).index(one["reason"]), one["address"])):
        reason = f"[{REASONS[one['reason']]}]{one['reason']}[/]"
        holds = "for its domain" if one["domain"] else "everywhere"
        note = escape(_short(one["note"].partition(">: ")[2] or one["note"]))
        table.add_row(escape(one["address"]), reason, holds, f"[dim]{note}[/]")
    _titled(console, "Who gets no more mail", table)


def _short(text: str) -> str:
    return text if len(text) <= MOST_NOTE else text[: MOST_NOTE - 1] + "…"


def show_verdict(console: Console, wrong: Sequence[str], told: int) -> None:
    if not wrong:
        console.print(
            f" [green]✓[/] All {told:,} events arrived exactly once, and everything agrees with them."
        )
    for sentence in wrong:
        console.print(f" [red]✗[/] {escape(sentence)}")


def _table(first: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True)
    for name in columns:
        table.add_column(name, justify="left" if name in WORDS else "right", no_wrap=True)
    return table


def _titled(console: Console, title: str, table: Table) -> None:
    console.print(Text.from_markup(f"[bold]{title}[/]"))
    console.print(table)
