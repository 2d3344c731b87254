"""`demo --warmup`: a fresh domain, a long list, and the days until all of it is sent, as fast as they can pass here."""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from rich.console import Console
from rich.markup import escape

from infra.local.demo import days, report, scenario
from infra.local.demo.api import Api, Json, Refused
from infra.local.demo.recipients import MOST_ROWS
from infra.local.stack import Options, Stack
from infra.local.supervisor import last_lines
from infra.local.up import run_until_signal

COUNT = 60_000
ENDED = ("done", "failed", "cancelled")
LOOK = 0.25  # seconds
AS_LISTS_ARE = ((1_500, 0.07), (5_000, 0.035), (15_000, 0.10), (38_500, 0.02))
"""As lists are: old addresses first, then some that were bought. Recipients of COUNT, and the share that is gone."""


@dataclass(slots=True)
class Course:
    """What happened so far. seen: entries of the domain's history that are told already. held: recipients."""

    held: int
    seen: set[str] = field(default_factory=set)
    passed: list[days.PassedDay] = field(default_factory=list)


def run_warmup(arguments: argparse.Namespace) -> None:
    run_until_signal(warmup(arguments.count or COUNT, arguments.bounce_rate))


async def warmup(count: int, bounce_rate: float | None) -> int:
    """Exit code 0 only where every recipient is accounted for and no day went beyond its cap."""
    console = report.new_console()
    console.print("\n[bold]Warmpost[/]: a new domain warms up, on this machine only, with time moved\n")
    started = time.monotonic()
    async with Stack(Options(discard=True)) as stack:
        info = stack.info()
        report.step(console, "stack", f"{info['url']}  [dim]in {time.monotonic() - started:.1f} s[/]")
        try:
            right = await _tell(console, info, count, bounce_rate)
        except Refused as refusal:
            log = last_lines(stack.data / "logs" / "functions-1.log")
            console.print(f" [red]✗[/] {escape(str(refusal))}[dim]{escape(log)}[/]")
            right = False
    console.print(f" [dim]All in {time.monotonic() - started:.0f} s; the stack has ended.[/]\n")
    return 0 if right else 1


def recipients(count: int, bounce_rate: float | None) -> Iterator[str]:
    """Addresses of which a share bounces, spread evenly: of the whole list, or of each part of `AS_LISTS_ARE`."""
    parts = AS_LISTS_ARE if bounce_rate is None else ((COUNT, bounce_rate),)
    number = reached = 0
    for share, gone in parts:
        reached += share
        rate, end = Fraction(str(gone)), count * reached // COUNT
        for place in range(end - number):
            bounces = int((place + 1) * rate) > int(place * rate)
            yield f"{'reply-550-' if bounces else ''}reader-{number:06d}@example.net"
            number += 1


def _imports(addresses: Sequence[str]) -> list[bytes]:
    parts = []
    for at in range(0, len(addresses), MOST_ROWS):
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("email", "name"))
        rows.writerows(
            (one, f"Reader {number}") for number, one in enumerate(addresses[at : at + MOST_ROWS], at)
        )
        parts.append(text.getvalue().encode())
    return parts


async def _tell(console: Console, info: Json, count: int, bounce_rate: float | None) -> bool:
    addresses = list(recipients(count, bounce_rate))
    gone = sum(one.startswith("reply-550-") for one in addresses)
    async with Api(info["url"], info["api_key"]) as api, Api(info["inbox_url"], "") as inbox:
        await scenario.verify_domain(api)
        await scenario.store_template(api)
        report.step(console, "domain", f"{scenario.DOMAIN} verified: level 1, 500 a day")
        imported = await scenario.import_list(api, "readers", _imports(addresses))
        spread = "oldest addresses first" if bounce_rate is None else "spread evenly"
        told = f"{imported.added:,} recipients; {gone:,} of them are gone ({gone / count:.1%}), {spread}"
        report.step(console, "list", told)
        report.step(console, "relay", "counts messages and keeps none [dim](the simulator never counts)[/]")
        order = {
            "name": "Letter no. 48",
            "from": scenario.SENDER,
            "template": "winter-letter",
            "list": imported.list_id,
            "data": scenario.BLANK,
        }
        foreseen = await api.post("/batch-submit/forecast", order)
        days.show_forecast(console, foreseen)
        writes = (await api.get("/_local/operations"))["firestore"]["writes"]
        path = f"/batch-submit/{(await api.post('/batch-submit', order))['id']}"
        course, batch = await _pass_days(console, api, path, foreseen)
        writes = (await api.get("/_local/operations"))["firestore"]["writes"] - writes
        taken = (await inbox.get("/api/count"))["count"]
    days.show_ending(console, course.passed, foreseen, batch, writes)
    wrong = days.mistakes(course.passed, batch, taken)
    report.show_verdict(console, wrong, batch["recipients"])
    return not wrong


async def _pass_days(console: Console, api: Api, path: str, foreseen: Json) -> tuple[Course, Json]:
    """Until the batch has ended: wait until its domain pauses, tell the day, move the clock to the pause's end."""
    course = Course(held=foreseen["remaining"])
    by_date = days.held_by_date(foreseen, "level_stays")
    with report.new_progress(console) as progress:
        bar = progress.add_task("", total=course.held, detail="")
        days.show_heading(progress.console)
        while True:
            date = await _today(api)

            def show(batch: Json) -> None:
                through, detail = report.done_in(batch)
                progress.update(bar, completed=through, detail=detail)

            batch = await _until_paused(api, path, show)
            passed = await _look_back(api, batch, date, course)
            days.show_day(progress.console, passed, by_date.get(date, 0), course.passed[:-1])
            if batch["status"] in ENDED:
                return course, batch
            await api.post("/_local/clock", {"advance_to": batch["paused_until"]})


async def _today(api: Api) -> str:
    now: str = (await api.get("/_local/clock"))["now"]
    return now[:10]


async def _until_paused(api: Api, path: str, show: Any) -> Json:
    """Raises Refused when nothing moves any more."""
    last, changed = None, time.monotonic()
    while True:
        batch = await api.get(path)
        show(batch)
        waiting = sum(batch["counts"][one] for one in ("queued", "sending"))
        if batch["status"] in ENDED or (batch["status"] == "paused" and not waiting):
            return batch
        if batch["counts"] != last:
            last, changed = batch["counts"], time.monotonic()
        elif time.monotonic() - changed > scenario.STANDSTILL:
            raise Refused(f"nothing has moved for {scenario.STANDSTILL:.0f} s: {batch}")
        await asyncio.sleep(LOOK)


async def _look_back(api: Api, batch: Json, date: str, course: Course) -> days.PassedDay:
    domain = await api.get(f"/manage/domains/{scenario.DOMAIN}")
    entries = [
        one
        async for one in api.pages(f"/manage/domains/{scenario.DOMAIN}/history", "items", limit="100")
        if one["id"] not in course.seen
    ]
    entries.reverse()  # the newest comes first
    course.seen |= {one["id"] for one in entries}
    held = batch["counts"]["held"]
    failed = batch["counts"]["failed"] if batch["status"] == "failed" else 0
    passed = days.PassedDay(
        date=date,
        level=domain["level"],
        cap=domain["cap"],
        sent=course.held - held - failed,
        held=held,
        failed=failed,
        decisions=tuple(_words(entries)),
    )
    course.held = held
    course.passed.append(passed)
    return passed


def _words(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Decisions worth a line. That a pause began is seen; why nothing was raised is not."""
    for one in entries:
        if one["decision"] in ("raised", "lowered", "blocked"):
            yield one["reason"]
        elif one["decision"] == "paused":
            yield "paused: " + one["reason"].partition("; ")[2].partition("; ")[2]
