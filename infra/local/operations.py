"""Counts what costs money in production, so that no killed process takes its figures along.

One memory-mapped file holds a row of 64-bit counters per worker process. A row has one writer; its pages belong to
the kernel, so they outlive the process, and a restarted worker goes on in the row of the one before it.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

COUNTERS = ("reads", "writes", "deletes", "invocations")
ROW = 8 * len(COUNTERS)


def create(file: Path, workers: int) -> None:
    """Start counting from nothing."""
    file.write_bytes(bytes(ROW * workers))


def totals(file: Path) -> dict[str, int]:
    """Each counter's sum over all workers since `create`."""
    rows = struct.iter_unpack(f"={len(COUNTERS)}q", file.read_bytes())
    return dict(zip(COUNTERS, map(sum, zip(*rows, strict=True)), strict=True))


class SharedMeter:
    """The row of one worker process. Called from its event loop alone: an addition is not atomic.

    file: made by `create`. row: below the number of workers given there.
    """

    def __init__(self, file: Path, row: int) -> None:
        with file.open("r+b") as handle:
            self._map = mmap.mmap(handle.fileno(), 0)
        self._row = memoryview(self._map)[row * ROW : (row + 1) * ROW].cast("q")

    def read(self, documents: int) -> None:
        self._row[0] += documents

    def write(self, documents: int) -> None:
        self._row[1] += documents

    def delete(self, documents: int) -> None:
        self._row[2] += documents

    def invocation(self) -> None:
        self._row[3] += 1
