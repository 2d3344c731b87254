"""Fault points: kills this process, really, at a boundary of a write, before it or between it and its answer.

For tests of what a crash leaves. Where the variable WARMPOST_LOCAL_FAULTS names a file, every write of a verb behind the
queue is a point such as `plan commit 3 before`, counted anew whenever the file changes. The file holds one line:

    record <anything>                     every point that is passed is appended to the file `<name>.passed`
    <verb> <operation> <number> <moment>  the process that comes to this point kills itself with SIGKILL and takes the
                                          line away first, so that it happens once

Operations: `commit` (Firestore), `enqueue` (Cloud Tasks, a task at a time), `hand_over` (a claim batch to the relay), `post`
(a request to a customer's endpoint).
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from warmpost import services
from warmpost.actions.context import Services

VARIABLE = "WARMPOST_LOCAL_FAULTS"
OPERATIONS = {"store": "commit", "tasks": "enqueue", "relays": "hand_over", "webhooks": "post"}

verb: ContextVar[str] = ContextVar("verb", default="")
"""Of the task that is being worked on; empty for requests of clients."""


class FaultPoints:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._passed = file.with_name(f"{file.name}.passed")
        self._line = ""
        self._counts: Counter[tuple[str, str]] = Counter()

    def begin(self, operation: str) -> int:
        """The number of the write that is about to happen; 0 where nobody asks for any."""
        try:
            line = self._file.read_text().strip()
        except FileNotFoundError:
            return 0
        if line != self._line:
            self._line = line
            self._counts.clear()
        if not line or not verb.get():
            return 0
        self._counts[verb.get(), operation] += 1
        return self._counts[verb.get(), operation]

    def come_to(self, operation: str, number: int, moment: str) -> None:
        if not number:
            return
        point = f"{verb.get()} {operation} {number} {moment}"
        if self._line.startswith("record "):
            with self._passed.open("a") as passed:
                passed.write(f"{point}\n")
        elif self._line == point:
            self._file.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)


class _Edge:
    """What the verbs write through: every call of `operation` passes a point before it and one behind it."""

    def __init__(self, real: Any, operation: str, points: FaultPoints) -> None:
        self._real = real
        self._operation = operation
        self._points = points

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name != self._operation:
            return real

        async def call(*arguments: Any, **named: Any) -> Any:
            if name == "enqueue":
                for task in arguments:
                    await self._pass(partial(real, task))
                return None
            return await self._pass(partial(real, *arguments, **named))

        return call

    async def _pass(self, act: Callable[[], Any]) -> Any:
        number = self._points.begin(self._operation)
        self._points.come_to(self._operation, number, "before")
        answer = await act()
        self._points.come_to(self._operation, number, "after")
        return answer


def use_fault_points() -> None:
    """Called before the first request; does nothing where the variable is not set."""
    if file := os.environ.get(VARIABLE):
        points, build = FaultPoints(Path(file)), services.services

        @cache
        def with_points() -> Services:
            built = build()
            edges: dict[str, Any] = {
                part: _Edge(getattr(built, part), operation, points) for part, operation in OPERATIONS.items()
            }
            return replace(built, **edges)

        services.services = with_points
