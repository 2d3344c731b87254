"""`up`: the stack in the foreground until somebody ends it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from infra.local.demo import sandbox
from infra.local.demo.api import Api, Refused
from infra.local.firestore_proxy import Faults
from infra.local.request_log import follow
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
        log_requests=arguments.log_requests,
        firestore=Faults(
            arguments.firestore_latency / 1000,
            arguments.firestore_aborts / 100,
            arguments.firestore_lost_answers / 100,
            arguments.firestore_read_failures / 100,
            arguments.firestore_contention,
        ),
        clock_skew=arguments.clock_skew,
    )
    sandbox = not arguments.json if arguments.sandbox is None else arguments.sandbox
    run_until_signal(up(options, arguments.json, sandbox))


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


async def up(options: Options, as_json: bool, with_sandbox: bool) -> int:
    say("starting the local stack")
    started = time.monotonic()
    async with Stack(options) as stack:
        info = stack.info()
        if with_sandbox:
            await _furnish(info)
        if as_json:
            print(json.dumps(info), flush=True)
        else:
            say(f"everything answers after {time.monotonic() - started:.1f} s")
            print(summary(info, with_sandbox), flush=True)
        if options.log_requests and not as_json:
            with stack.request_log.open() as lines:
                lines.seek(0, os.SEEK_END)  # the sandbox's own are no news
                await follow(lines)
        await asyncio.Event().wait()
    return 0


async def _furnish(info: dict[str, Any]) -> None:
    try:
        async with Api(info["url"], info["api_key"]) as api:
            await sandbox.furnish(api)
    except Refused as refusal:
        raise StartFailure(f"the sandbox could not be made: {refusal}") from None


def summary(info: dict[str, Any], with_sandbox: bool) -> str:
    """What people read and paste; no line of it needs more than a shell and curl."""
    submission = info["smtp_submission"]
    lines = [
        "Warmpost is running; Ctrl-C ends it.",
        "",
        f"  console  {info['console_url']}sign-in#key={info['api_key']}",
        f"  inbox    {info['inbox_url']}",
        f"  data     {info['data']}",
        f"  smtp     {submission['host']}:{submission['port']} (STARTTLS), :{submission['tls_port']} (TLS); "
        f"user {submission['user']}, password $KEY",
        "",
        f"export URL={info['url']} KEY={info['api_key']} SECRET={info['event_secret']}",
    ]
    if with_sandbox:
        lines += ["", sandbox.first_lines()]
    else:
        lines += ["", 'curl -s -H "Authorization: Bearer $KEY" $URL/manage/domains']
    return "\n".join(lines)


def say(text: str) -> None:
    print(f"dev.py: {text}", file=sys.stderr, flush=True)
