"""Keeps the parts of the stack running: starts them together, starts again what dies, ends all of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.local import launch
from infra.local.bootstrap import ROOT

PATIENCE = 60.0  # seconds a part may take until it answers; a busy machine is no failure
GRACE = 1.5  # seconds between SIGTERM and SIGKILL
SHORT_LIFE = 2.0  # seconds; whoever lived shorter is started again after PAUSE, others at once
PAUSE = 0.5


class StartFailure(Exception):
    """The stack cannot run; the text says why and, where a part wrote something, how its log ends."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack.

    name: unique, also of its log file. group: under which `pids` lists it. answers: whether it can be used.
    sockets: file descriptors it inherits. forgets: what is lost when it dies, in words.
    """

    name: str
    group: str
    command: Sequence[str]
    answers: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    sockets: tuple[int, ...] = ()
    forgets: str = ""


class Supervisor:
    """logs: directory of one file per part. on_change: called whenever a process id has changed."""

    def __init__(self, logs: Path, on_change: Callable[[], None]) -> None:
        self._logs = logs
        self._on_change = on_change
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._parts: dict[str, Part] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    def pids(self, group: str) -> list[int]:
        return [
            process.pid
            for name, process in self._running.items()
            if self._parts[name].group == group and process.returncode is None
        ]

    async def start(self, parts: Iterable[Part]) -> None:
        """Start `parts` side by side and return once all of them answer. Raises StartFailure."""
        parts = tuple(parts)
        for part in parts:
            self._parts[part.name] = part
            await self._spawn(part)
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(self._wait_until_it_answers(part))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        for part in parts:
            self._keepers[part.name] = asyncio.create_task(self._keep(part))

    async def stop(self, *groups: str) -> None:
        """End the parts of these groups (of all, where none is named): SIGTERM, GRACE, SIGKILL."""
        names = [name for name in self._running if not groups or self._parts[name].group in groups]
        for name in names:
            if keeper := self._keepers.pop(name, None):
                keeper.cancel()
        processes = [self._running.pop(name) for name in names]
        for process in processes:
            _signal(process, signal.SIGTERM)
        ends = asyncio.gather(*(process.wait() for process in processes))
        try:
            await asyncio.wait_for(asyncio.shield(ends), GRACE)
        except TimeoutError:
            for process in processes:
                _signal(process, signal.SIGKILL)
            await ends

    async def _keep(self, part: Part) -> None:
        while True:
            started = time.monotonic()
            status = await self._running[part.name].wait()
            if time.monotonic() - started < SHORT_LIFE:
                await asyncio.sleep(PAUSE)
            await self._spawn(part)
            words = ", ".join(
                filter(None, (f"{part.name} {_how_it_ended(status)}", part.forgets, "started again"))
            )
            print(words, file=sys.stderr, flush=True)

    async def _spawn(self, part: Part) -> None:
        with self._log(part).open("ab") as log:
            self._running[part.name] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *part.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **part.environment},
                pass_fds=part.sockets,
                start_new_session=True,  # a terminal's Ctrl-C reaches the supervisor alone
            )
        self._on_change()

    async def _wait_until_it_answers(self, part: Part) -> None:
        process = self._running[part.name]
        deadline = time.monotonic() + PATIENCE
        while not await part.answers():
            if process.returncode is not None:
                raise StartFailure(f"{part.name} {_how_it_ended(process.returncode)}{self._last_words(part)}")
            if time.monotonic() > deadline:
                raise StartFailure(f"{part.name} does not answer{self._last_words(part)}")
            await asyncio.sleep(0.03)

    def _log(self, part: Part) -> Path:
        return self._logs / f"{part.name}.log"

    def _last_words(self, part: Part) -> str:
        return last_lines(self._log(part))


def last_lines(log: Path) -> str:
    """How a log ends, indented, beginning with a line break; empty for an empty log."""
    lines = log.read_text(errors="replace").splitlines()[-25:]
    return "".join(f"\n  {line}" for line in lines)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"was killed ({signal.Signals(-status).name})"
    return f"ended with exit code {status}"
