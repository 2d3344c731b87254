"""How the demo of events ends: what was told, how it got there, the figures, and who is left out from now on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from infra.local.demo.api import Json
from infra.local.demo.cast import Cast
from infra.local.demo.expecting import Ending, Tale, counted, tales
from infra.local.demo.receiver import Receiver

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
FIGURES = ("requested", "sent", "delivered", "bounced", "deferred", "complained", "suppressed")
READERS = ("opened", "machine_opened", "clicked", "machine_clicked", "unsubscribed")
REASONS = {"hard_bounce": "red", "complaint": "magenta", "unsubscribe": "blue", "manual": "yellow"}


def show_told(console: Console, cast: Cast, ending: Ending, receiver: Receiver) -> None:
    wanted, got = tales(cast, ending.put_off), counted(ending.told)
    table = _table("", "expected", "told", "missing", "double", "of machines", "simulated")
    for kind, colour in KINDS.items():
        of_kind = [one for one in ending.told if one["type"] == kind]
        missing, double = _of(kind, wanted - got), _of(kind, got - wanted)
        cells = (_of(kind, wanted), len(of_kind), missing, double, *_marked(of_kind))
        styles = ("", "bold", "red" if missing else "dim", "red" if double else "dim", "dim", "dim")
        table.add_row(
            f"[{colour}]{kind}[/]",
            *(
                f"[{style}]{number:,}[/]" if style else f"{number:,}"
                for style, number in zip(styles, cells, strict=True)
            ),
        )
    _titled(console, "What the receiver was told", table)
    held = (
        "every signature holds"
        if not receiver.refused
        else f"[red]{len(receiver.refused)} signatures wrong[/]"
    )
    console.print(
        f" [bold]{len(ending.told):,}[/] events in [bold]{len(receiver.taken):,}[/] requests, {held}  ·  "
        f"{receiver.turned_away:,} turned away while it was down  ·  {receiver.repeated:,} repeated, known by webhook-id\n"
    )


def _of(kind: str, counts: Counter[Tale]) -> int:
    return sum(number for (told, _), number in counts.items() if told == kind)


def _marked(events: Sequence[Json]) -> tuple[int, int]:
    return sum(one["machine"] for one in events), sum(one["simulated"] for one in events)


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
    names = (*FIGURES, *READERS)
    heads = (*FIGURES, "opened", "by machines", "clicked", "by machines", "unsub.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in heads:
        table.add_column(name, justify="right")
    for row in rows:
        style = "dim" if row["provider"] == "simulator" else ""
        table.add_row(row["provider"], *(_number(row.get(name, 0)) for name in names), style=style)
    total = [sum(row.get(name, 0) for row in rows if row["provider"] != "simulator") for name in names]
    table.add_section()
    table.add_row("[dim]all but it[/]", *(f"[bold]{number:,}[/]" for number in total))
    _titled(console, "Statistics of both batches by mailbox provider", table)


def _number(number: int) -> str:
    return f"{number:,}" if number else "[dim]·[/]"


def show_suppressions(console: Console, items: Sequence[Json]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for name in ("address", "reason", "holds for", "note"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=None if name != "note" else 38)
    for one in sorted(items, key=lambda one: (list(REASONS).index(one["reason"]), one["address"])):
        reason = f"[{REASONS[one['reason']]}]{one['reason']}[/]"
        scope = one["domain"] or "every sender domain"
        table.add_row(escape(one["address"]), reason, scope, f"[dim]{escape(one['note'])}[/]")
    _titled(console, "Who gets no more mail", table)


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
        table.add_column(name, justify="left" if name == "answer" else "right", no_wrap=True)
    return table


def _titled(console: Console, title: str, table: Table) -> None:
    console.print(Text.from_markup(f"[bold]{title}[/]"))
    console.print(Padding(table, (0, 0, 1, 0)))
