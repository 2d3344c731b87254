"""What one worker process does in a second, with everything stored: `python tests/bench/worker.py [--recipients 10000]`.

Sends personalised mails of 10 KB, signed with RSA-2048, from a domain without a cap through the whole local stack, once
tracked and once not, into Postfix's smtp-sink where it is installed (package `postfix`), otherwise into the inbox.
Firestore's and the queue's emulators run on the same machine and take their share of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "functions"))

import httpx
from rich.console import Console
from rich.table import Table

from tests.e2e import checks
from tests.e2e.checks import ok
from tests.running_stack import RunningStack

STORY = "<tr><td>Stet clita kasd gubergren, no sea takimata sanctus est, {{ first }}.</td></tr>\n"
HTML = f"<h1>Hello {{{{ first }}}} {{{{ last }}}}</h1><table>{100 * STORY}</table><a href='https://shop.example/'>Shop</a>"
TEXT = "Hello {{ first }} {{ last }},\n" + 30 * "Lorem ipsum dolor sit amet, consetetur sadipscing elitr.\n"


@dataclass(frozen=True)
class Measured:
    """seconds: from the request to the end of the batch. cpu: seconds of the worker process. reads: with the watching."""

    recipients: int
    seconds: float
    cpu: float
    writes: int
    reads: int


async def measure(stack: RunningStack, client: httpx.AsyncClient, count: int, **fields: Any) -> Measured:
    """One batch to list `l<count>`; `fields` go into its order."""
    order = {"from": "news@bench.example", "template": "bench", "list": f"l{count}", **fields}
    [worker] = stack.pids("functions")
    before = (await ok(client.get("/_local/operations")))["firestore"]
    began, used = time.perf_counter(), cpu_seconds(worker)
    submitted = await ok(client.post("/batch-submit", json=order))
    batch = await watch(client, submitted["id"])
    seconds, cpu = time.perf_counter() - began, cpu_seconds(worker) - used
    after = (await ok(client.get("/_local/operations")))["firestore"]
    if batch["counts"]["sent"] != count:
        sys.exit(f"not everything was sent: {batch}")
    return Measured(count, seconds, cpu, after["writes"] - before["writes"], after["reads"] - before["reads"])


async def watch(client: httpx.AsyncClient, batch: int) -> checks.Json:
    """Rarely, as watching takes time from what is measured."""
    while True:
        shown = await checks.look(client, batch)
        if shown["status"] == "done":
            return shown
        await asyncio.sleep(0.25)


async def prepare(client: httpx.AsyncClient, *counts: int) -> None:
    await checks.make_sender(client, "bench.example", warmup=False)
    template = {"name": "bench", "subject": "{{ first }}, news", "html": HTML, "text": TEXT}
    await ok(client.post("/manage/templates", json=template))
    for count in counts:
        rows = (f"r{n}@readers.example,Reader {n},Example\n" for n in range(count))
        await checks.make_list(client, f"l{count}", ("email,first,last\n" + "".join(rows)).encode())


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def relay() -> Iterator[tuple[str, list[str]]]:
    """What takes the mail, in words, and the arguments of `up` that lead there."""
    sink = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    if sink is None:
        yield "the inbox", []
        return
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    rights = ["-u", "nobody"] if os.getuid() == 0 else []
    server = subprocess.Popen([sink, *rights, f"127.0.0.1:{port}", "200"], stdout=subprocess.DEVNULL)
    try:
        yield "smtp-sink", ["--relay", f"smtp://127.0.0.1:{port}?starttls=never"]
    finally:
        server.terminate()
        server.wait()


async def run(count: int, rounds: int) -> Table:
    with relay() as (name, arguments), RunningStack(*arguments) as stack:
        async with stack.open_client() as client:
            await prepare(client, 500, count)
            await measure(stack, client, 500)  # connections opened, templates compiled
            table = Table(title=f"One worker into {name}, {count:,} recipients a batch")
            for heading in (
                "",
                "messages/s",
                "CPU ms a message",
                "writes per 1,000",
                "reads per 1,000",
            ):
                table.add_column(heading, justify="right" if heading else "left")
            for _ in range(rounds):
                for kind, fields in (("plain", {"track": False, "unsubscribe": False}), ("tracked", {})):
                    add(table, kind, await measure(stack, client, count, **fields))
    return table


def add(table: Table, kind: str, found: Measured) -> None:
    thousands = found.recipients / 1000
    table.add_row(
        kind,
        f"{found.recipients / found.seconds:,.0f}",
        f"{found.cpu / thousands:.2f}",
        f"{found.writes / thousands:.1f}",
        f"{found.reads / thousands:.1f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    Console().print(asyncio.run(run(options.recipients, options.rounds)))


if __name__ == "__main__":
    main()
