"""Where all that is measured goes: Postfix's smtp-sink, which counts what it took, and a way there that takes its time."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from infra.bench.needs import postfix_tool
from infra.local.bootstrap import ROOT

PATIENCE = 20.0  # seconds until a process listens
COUNTING = 5.0  # seconds until what was answered is counted
_COUNT = re.compile(rb"mesg=(\d+)")


class Sink:
    """port: on loopback. dumps: directory of one file for each message taken, where they are kept."""

    def __init__(self, port: int, counters: Path, dumps: Path | None) -> None:
        self.port = port
        self.dumps = dumps
        self._counters = counters

    def count(self) -> int:
        """Messages taken since it was started."""
        with self._counters.open("rb") as file:
            file.seek(max(0, self._counters.stat().st_size - 200))
            found = _COUNT.findall(file.read())
        return int(found[-1]) if found else 0

    async def has_taken(self, count: int) -> None:
        """Raises AssertionError where it took more, or fewer within COUNTING: it counts after it answers."""
        until = time.monotonic() + COUNTING
        while (taken := self.count()) < count:
            assert time.monotonic() < until, f"{count - taken:,} messages did not arrive"
            await asyncio.sleep(0.02)
        assert taken == count, f"{taken - count:,} messages arrived more than once"


@contextmanager
def open_sink(*, keep: bool = False) -> Iterator[Sink]:
    """keep: the messages, in a directory that goes with it."""
    with tempfile.TemporaryDirectory(prefix="warmpost-bench-") as name:
        place = Path(name)
        place.chmod(0o755)
        port, counters = free_port(), place / "counters"
        command = [postfix_tool("smtp-sink"), "-c"]
        dumps = None
        if keep:
            dumps = place / "dumps"
            dumps.mkdir()
            dumps.chmod(0o777)
            command += ["-d", f"{dumps}/m."]
        if os.getuid() == 0:
            command += ["-u", "nobody"]
        with counters.open("wb") as output, _running([*command, f"127.0.0.1:{port}", "200"], port, output):
            yield Sink(port, counters, dumps)


@contextmanager
def open_delay(port: int, milliseconds: float) -> Iterator[int]:
    """A port that leads to `port`, in a process of its own; a round trip takes so much longer."""
    own = free_port()
    command = [sys.executable, "-m", "infra.bench.delay", str(own), str(port), str(milliseconds)]
    with _running(command, own, None):
        yield own


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _running(command: list[str], port: int, output: object) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, stdout=output or subprocess.DEVNULL)  # type: ignore[call-overload]
    try:
        until = time.monotonic() + PATIENCE
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{' '.join(command)} does not listen")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 0.5)):
        return True
    return False
