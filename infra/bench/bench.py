"""`bench`: get what is needed, play the rounds, verify a sample of everybody, show the table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext

from rich.console import Console

from infra.bench import needs
from infra.bench.engines import ENGINES, Failed
from infra.bench.figures import summed_up
from infra.bench.goals import goals
from infra.bench.long import long_run
from infra.bench.rounds import WORKER, WORKERS, Field, Scale, by_key, open_field, play
from infra.bench.table import Report, markdown, show
from infra.local.demo.api import Refused
from infra.local.up import run_until_signal

PLAIN = Scale(rounds=4, seconds=3.0)
QUICK = Scale(rounds=2, seconds=0.7)
EVERYBODY = (*WORKERS, *(one.key for one in ENGINES))


def run_bench(arguments: argparse.Namespace) -> None:
    run_until_signal(bench(arguments))


async def bench(arguments: argparse.Namespace) -> int:
    """Exit code 1 where something is missing or a message went astray; missed goals are shown, not failed."""
    console = Console(stderr=arguments.markdown, width=None if sys.stdout.isatty() else 124)
    try:
        needs.get_postfix()
        node = needs.get_nodemailer()
        report = await measure(
            EVERYBODY,
            QUICK if arguments.quick else PLAIN,
            node,
            console,
            long=arguments.long,
            command=_command(arguments),
        )
    except (needs.Missing, Failed, Refused, AssertionError) as problem:
        console.print(f"[red]✗[/] {problem}")
        return 1
    if arguments.markdown:
        print(markdown(report))
    else:
        show(report, console)
    return 0


async def measure(
    keys: Sequence[str],
    scale: Scale,
    node: dict[str, str],
    console: Console,
    *,
    long: bool = False,
    command: str = "python3 infra/dev.py bench",
) -> Report:
    """keys: of EVERYBODY. Raises engines.Failed, AssertionError."""
    began = time.monotonic()
    with console.status("starting") if console.is_terminal else nullcontext() as status:

        def tell(what: str) -> None:
            if status:
                status.update(f"{time.monotonic() - began:.0f} s  {what}")

        async with open_field(node, [key for key in keys if key in WORKERS], scale.warm_up) as field:
            tell("verifying signatures")
            signing = [key for key in keys if key in WORKERS or by_key(key).signs]
            sizes = {key: await field.verify(key) for key in signing}
            found = await play(field, keys, scale, tell)
            tell("folding events")
            writes = await _writes(field, scale) if WORKER in field.workers else {}
        later = await long_run(tell) if long else None
    figures = {key: summed_up(rounds) for key, rounds in found.items()}
    further = later.told() if later else []
    return Report(figures, goals(figures, writes, later), sizes, further, command, scale.rounds)


async def _writes(field: Field, scale: Scale) -> dict[str, float]:
    """Firestore writes per 1,000 recipients: to send a batch, and with what its relay then tells of it."""
    worker, count = field.workers[WORKER], min(5000, max(500, int(3000 * scale.seconds)))
    sent, batch = await worker.send_batch("near.example", count, field.sink)
    before = (await worker.operations())["writes"]
    for kind in ("delivered", "opened"):
        await worker.report(batch, count, kind)
    events = ((await worker.operations())["writes"] - before) / count * 1000
    return {"sending": sent.notes["writes"], "with events": sent.notes["writes"] + events}


def _command(arguments: argparse.Namespace) -> str:
    chosen = [f" --{one}" for one in ("quick", "long") if getattr(arguments, one)]
    return "python3 infra/dev.py bench" + "".join(chosen)
