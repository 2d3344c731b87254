"""Where messages are kept: a Maildir that any mail program can open too (https://cr.yp.to/proto/maildir.html)."""

from __future__ import annotations

import itertools
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

_PREFIX = re.compile(rb"Return-Path: <([^\r\n]*)>\r\nDelivered-To: ([^\r\n]*)\r\nX-Original-To: [^\r\n]*\r\n")
_ARRIVAL = re.compile(r"(\d+)\.M(\d+)P")


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of the Maildir. wire: the message exactly as its sender wrote it; empty return_path: a bounce."""

    return_path: str
    delivered_to: str
    wire: bytes


class Maildir:
    """Deliveries in, files out. A file's name is its id, sorts by time of arrival and never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._tmp = os.fspath(folder / "tmp") + "/"
        self._new = os.fspath(folder / "new") + "/"
        self._numbers = itertools.count()
        self._origin = f"P{os.getpid()}"

    def deliver(self, return_path: str, recipient: str, content: bytes) -> str:
        """Keeps one message for one recipient and returns its id; it is in `new` when this returns.

        Not synced to the disk: it outlives this process, not the machine. Raises OSError (disk full).
        """
        address = recipient.encode(errors="surrogateescape")
        prefix = b"Return-Path: <%b>\r\nDelivered-To: %b\r\nX-Original-To: %b\r\n" % (
            return_path.encode(errors="surrogateescape"),
            address,
            address,
        )
        seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
        id = f"{seconds}.M{microseconds:06d}{self._origin}Q{next(self._numbers):09d}.inbox"
        draft = self._tmp + id
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            whole = len(prefix) + len(content)
            if os.writev(descriptor, (prefix, content)) != whole:
                raise OSError(f"{draft} could not be written completely")
        except OSError:
            os.unlink(draft)  # noqa: PTH108 - this path runs for every message
            raise
        finally:
            os.close(descriptor)
        os.rename(draft, self._new + id)  # noqa: PTH104
        return id

    def scan(self) -> dict[str, Path]:
        """Every message's id with the file that holds it now; mail programs move files and add flags after `:`."""
        found: dict[str, Path] = {}
        for part in ("new", "cur"):
            for name in os.listdir(self.folder / part):  # noqa: PTH208 - plain names, twice as fast
                if not name.startswith("."):
                    found[name.partition(":")[0]] = self.folder / part / name
        return found

    def clear(self) -> int:
        """Removes every message; how many there were."""
        files = self.scan().values()
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)


def take_apart(raw: bytes) -> Stored:
    """Separates what `deliver` wrote before a message from the message; a file put there by others is all message."""
    prefix = _PREFIX.match(raw)
    if prefix is None:
        return Stored("", "", raw)
    return Stored(prefix[1].decode(errors="replace"), prefix[2].decode(errors="replace"), raw[prefix.end() :])


def arrival(id: str) -> float | None:
    """Seconds since the epoch at which a message came, as its id tells; None for a foreign file name."""
    match = _ARRIVAL.match(id)
    return int(match[1]) + int(match[2]) / 1e6 if match else None
