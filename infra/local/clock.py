"""One clock for every process of the local stack, which the Cloud Tasks emulator can move forward."""

from __future__ import annotations

import mmap
import os
import struct
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

_OFFSET = struct.Struct("<d")


class MovableClock:
    """Lets weeks pass in seconds: all processes that map the same file agree on the time.

    The file holds eight bytes, the offset from the machine's clock in seconds (little-endian float64); it is
    created with offset zero where it is missing. Reading costs no system call beyond the time itself.
    """

    def __init__(self, path: str | os.PathLike[str], skew: float = 0.0) -> None:
        """skew: seconds by which this process alone is ahead of the others."""
        self.path = Path(path)
        self._skew = skew
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if os.fstat(descriptor).st_size < _OFFSET.size:
                os.ftruncate(descriptor, _OFFSET.size)
            self._shared = mmap.mmap(descriptor, _OFFSET.size)
        finally:
            os.close(descriptor)

    @property
    def offset(self) -> float:
        """Seconds this clock is ahead of the machine's."""
        offset: float = _OFFSET.unpack_from(self._shared)[0]
        return offset

    @offset.setter
    def offset(self, seconds: float) -> None:
        """Move the clock of every process. Raises ValueError for a step back; only the emulator may call it."""
        if seconds < self.offset:
            raise ValueError("time never moves backward")
        _OFFSET.pack_into(self._shared, 0, seconds)

    def timestamp(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time() + self.offset + self._skew

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def close(self) -> None:
        self._shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
