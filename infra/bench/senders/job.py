"""What a sender is told and what it answers; a file and a line of JSON, so that senders in any language take part."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """warm_up: messages sent before the clock runs: connections open, templates compiled, code jitted.

    recipients: taken again from the start where there are more messages. key: RSA-2048, PKCS#8 PEM. core: of the
    processor, for those that are to have one only; None for all of them.
    """

    port: int
    messages: int
    warm_up: int
    connections: int
    domain: str
    selector: str
    key: str
    sender: str
    sender_name: str
    content: dict[str, str]
    attachments: list[dict[str, str]]
    recipients: list[dict[str, Any]]
    threads: int = 2
    core: int | None = None
    key_object: bool = True

    def recipient(self, number: int) -> dict[str, Any]:
        return self.recipients[number % len(self.recipients)]


@dataclass(slots=True)
class Measured:
    """seconds: by the clock. cpu: of all threads of the process, in seconds. peak: most memory held, in MB; 0: unknown."""

    messages: int
    seconds: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0
    notes: dict[str, float] = field(default_factory=dict)


def read_job() -> Job:
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    if job.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {job.core})
    return job


@contextmanager
def measuring(messages: int, who: int = resource.RUSAGE_SELF) -> Iterator[Measured]:
    """Fills in what the block took, and prints it."""
    measured = Measured(messages)
    before, began = resource.getrusage(who), time.perf_counter()
    yield measured
    measured.seconds = time.perf_counter() - began
    after = resource.getrusage(who)
    measured.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    measured.peak = peak() if who == resource.RUSAGE_SELF else 0.0
    print(json.dumps(asdict(measured)), flush=True)


def peak() -> float:
    """Not `ru_maxrss`, which counts what the process was forked from (getrusage(2), proc(5))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
