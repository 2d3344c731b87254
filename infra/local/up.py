"""`up`: the stack in the foreground until somebody ends it."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from infra.local.stack import Options, Stack
from infra.local.supervisor import StartFailure

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_up(arguments: argparse.Namespace) -> None:
    options = Options(
        port=arguments.port,
        data=Path(arguments.data) if arguments.data else None,
        relay=arguments.relay,
        workers=arguments.workers,
        duplicate_rate=arguments.duplicate_rate,
    )
    run_until_signal(up(options, as_json=arguments.json))


def run_until_signal(work: Coroutine[Any, Any, int]) -> None:
    """Run to the end, or until the first SIGINT, SIGTERM or SIGHUP, which lets `work` clean up; exits the process."""
    try:
        sys.exit(asyncio.run(_interruptible(work)))
    except StartFailure as failure:
        sys.exit(f"dev.py: {failure}")


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if not interrupted:  # a second Ctrl-C must not disturb the cleaning up
            interrupted = True
            task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        return 0


async def up(options: Options, as_json: bool) -> int:
    say("starting the local stack")
    async with Stack(options) as stack:
        if as_json:
            print(json.dumps(stack.info()), flush=True)
        else:
            print(summary(stack.info()), flush=True)
        await asyncio.Event().wait()
    return 0


def summary(info: dict[str, Any]) -> str:
    return "\n".join(
        (
            "Warmpost is running; Ctrl-C ends it.",
            f"  functions  {info['url']}",
            f"  inbox      {info['inbox_url']}",
            f"  API key    {info['api_key']}",
            f"  data       {info['data']}",
            "",
            f"  curl -H 'Authorization: Bearer {info['api_key']}' {info['url']}/manage/domains",
        )
    )


def say(text: str) -> None:
    print(f"dev.py: {text}", file=sys.stderr, flush=True)
