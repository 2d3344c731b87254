"""`demo`: a newsletter from a CSV file to an inbox on this machine, and what became of every recipient."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from infra.local.demo import report, scenario, smtp
from infra.local.demo.api import Api, Json, Refused
from infra.local.demo.recipients import SHIPPED, imports
from infra.local.stack import Options, Stack
from infra.local.supervisor import last_lines
from infra.local.up import run_until_signal


def run_demo(arguments: argparse.Namespace) -> None:
    file = Path(arguments.recipients) if arguments.recipients else SHIPPED
    try:
        parts = imports(file, arguments.count)
    except OSError as error:
        sys.exit(f"dev.py: {file}: {error.strerror}")
    except ValueError as error:
        sys.exit(f"dev.py: {error}")
    run_until_signal(demo(file, parts, keep=arguments.keep, by_smtp=arguments.smtp))


async def demo(file: Path, parts: list[bytes], keep: bool, by_smtp: bool = False) -> int:
    """Exit code 0 only where every recipient is accounted for. by_smtp: each mail comes through the submission port."""
    console = report.new_console()
    way = "mail by mail through the submission port" if by_smtp else "to a list"
    console.print(f"\n[bold]Warmpost[/]: a newsletter {way}, on this machine only\n")
    started = time.monotonic()
    async with Stack(Options()) as stack:
        info = stack.info()
        report.step(console, "stack", f"{info['url']}  [dim]in {time.monotonic() - started:.1f} s[/]")
        try:
            tell = _tell_by_smtp if by_smtp else _tell
            accounted = await tell(console, info, file, parts)
        except Refused as refusal:
            log = last_lines(stack.data / "logs" / "functions-1.log")
            console.print(f" [red]✗[/] {escape(str(refusal))}[dim]{escape(log)}[/]")
            accounted = False
        if keep:
            await _leave_open(console, info)
    if accounted:
        again = "demo --smtp --keep" if by_smtp else "demo --keep"
        console.print(f" The stack has ended; to look at the mails: [bold]python3 infra/dev.py {again}[/]\n")
    return 0 if accounted else 1


async def _leave_open(console: Console, info: Json) -> None:
    console.print(
        f"\n Look at the mails: [link={info['inbox_url']}]{info['inbox_url']}[/]"
        f"\n Look at the batch:  {info['console_url']}sign-in#key={info['api_key']}"
        "\n Ctrl-C ends it."
    )
    await asyncio.Event().wait()


async def _verify(console: Console, api: Api) -> None:
    purposes = await scenario.verify_domain(api)
    report.step(console, "domain", f"{scenario.DOMAIN} verified  [dim]{', '.join(purposes)}[/]")
    await api.patch(f"/manage/domains/{scenario.DOMAIN}", {"warmup": False})
    report.step(
        console, "warm-up", "off, as for a domain that is warm  [dim]demo --warmup shows a new one[/]"
    )


async def _tell_by_smtp(console: Console, info: Json, file: Path, parts: list[bytes]) -> bool:
    async with Api(info["url"], info["api_key"]) as api:
        await _verify(console, api)
        access = info["smtp_submission"]
        login = f"user {access['user']}, password: the API key"
        report.step(
            console, "smtp", f"{access['host']}:{access['port']} with STARTTLS  [dim]{login}; smtplib[/]"
        )
        total = sum(1 for _ in smtp.rows_of(parts))
        with report.new_progress(console) as progress:
            bar = progress.add_task("", total=total, detail="")
            handed, ending, wrong = await smtp.send_all(
                api, info, parts, lambda through: progress.update(bar, completed=through)
            )
    imported = handed.imported
    refused = f"{imported.faulty:,} refused, {imported.duplicates:,} duplicates left out"
    report.step(console, "250", f"for {len(handed.ids):,} mails to {escape(file.name)}  [dim]{refused}[/]")
    if ending.taken_later:
        report.step(
            console,
            "later",
            f"an hour on, {ending.taken_later:,} that were put off are through  [dim]clock moved[/]",
        )
    report.show_ending(console, imported, ending)
    report.show_verdict(console, wrong, ending.recipients)
    return not wrong


async def _tell(console: Console, info: Json, file: Path, parts: list[bytes]) -> bool:
    async with Api(info["url"], info["api_key"]) as api, Api(info["inbox_url"], "") as inbox:
        await _verify(console, api)
        await scenario.store_template(api)
        report.step(console, "template", "an HTML newsletter and its text  [dim]Jinja2, personalised[/]")
        imported = await scenario.import_list(api, file.stem, parts)
        refused = f"{imported.faulty:,} rows rejected, {imported.duplicates:,} duplicates"
        report.step(
            console, "list", f"{imported.added:,} recipients from {escape(file.name)}  [dim]{refused}[/]"
        )
        batch, ending = await _send(console, api, inbox, imported)
    report.step(console, "batch", f"number {batch} is through  [dim]{ending.seconds:.1f} s[/]")
    if ending.taken_later:
        report.step(
            console,
            "later",
            f"an hour on, {ending.taken_later:,} that were put off are through  [dim]clock moved[/]",
        )
    report.show_ending(console, imported, ending)
    wrong = scenario.unaccounted(imported, ending)
    report.show_verdict(console, wrong, ending.recipients)
    return not wrong


async def _send(
    console: Console, api: Api, inbox: Api, imported: scenario.Imported
) -> tuple[int, scenario.Ending]:
    with report.new_progress(console) as progress:
        bar = progress.add_task("", total=imported.added, detail="")

        def show(batch: Json) -> None:
            through, detail = report.done_in(batch)
            progress.update(bar, completed=through, detail=detail)

        return await scenario.send_batch(api, inbox, imported, show)
