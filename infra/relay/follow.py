"""Follows Postfix's log and tells `event_webhook` what was delivered and what has to wait: `python3 -m relay.follow`.

Bounces come back by themselves, as reports with the words of both servers; deliveries do not. What was read is noted
only after it was told: after a crash the same events are told again, under the same ids.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from .posting import CONFIGURATION, Door, Refused, Unavailable, post, read_door

STATE = Path("/var/lib/warmpost/follow.json")
LOG = Path("/var/log/mail.log")
MOST_EVENTS = 2000
LOOK_SECONDS = 1.0
SAVE_SECONDS = 10.0

_LINE = re.compile(
    r"(?P<when>\d{4}-\d\d-\d\dT\S+|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \S+ [\w./-]+\[\d+\]: "
    r"(?P<queue>[0-9A-Za-z]{6,30}): (?P<rest>.*)"
)
_FROM = re.compile(r"from=<(?P<path>bounces\+[^>]{1,250})>, size=")
_STATUS = re.compile(
    r"to=<(?P<to>[^>]{3,320})>, .*?\bdsn=(?P<dsn>[245]\.\d{1,3}\.\d{1,3}), status=(?P<status>sent|deferred) "
    r"\((?P<words>.*)\)"
)
_SAID = re.compile(r"^host \S+ said: (?P<words>.*?)(?: \(in reply to [^()]*\))?$")
_CODE = re.compile(r"([245]\d\d)[ -]")
_KINDS = {"sent": "delivered", "deferred": "deferred"}


@dataclass(slots=True)
class Reading:
    """What is known of the mails in the queue.

    paths: return path by queue id, until the mail is gone. told: those whose waiting was told already.
    inode, offset: up to where of which file that is so.
    """

    paths: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    inode: int = 0
    offset: int = 0

    def read_line(self, line: str, now: datetime) -> dict[str, Any] | None:
        """The event that a line means, if any. now: aware; its year and zone complete old time stamps."""
        found = _LINE.match(line)
        if found is None:
            return None
        queue, rest = found["queue"], found["rest"]
        if rest == "removed":
            self.paths.pop(queue, None)
            self.told.discard(queue)
        elif named := _FROM.match(rest):
            self.paths[queue] = named["path"]
        elif queue in self.paths and (status := _STATUS.match(rest)):
            return self._event(queue, status, read_when(found["when"], now))
        return None

    def _event(self, queue: str, status: re.Match[str], when: datetime) -> dict[str, Any] | None:
        kind = _KINDS[status["status"]]
        if kind == "deferred":
            if queue in self.told:
                return None
            self.told.add(queue)
        said = _SAID.match(status["words"])
        words = said["words"] if said else status["words"]
        code = _CODE.match(words)
        return {
            "type": kind,
            "at": when.isoformat(),
            "id": f"{queue}.{kind}",
            "return_path": self.paths[queue],
            "reply": {
                "enhanced_code": status["dsn"],
                "text": words[:1000],
                **({"code": int(code[1])} if code else {}),
            },
        }

    def save(self, file: Path) -> None:
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps([self.paths, sorted(self.told), self.inode, self.offset]))
        draft.replace(file)

    @classmethod
    def load(cls, file: Path) -> Reading:
        """What was saved; from the beginning of the log where nothing was."""
        if not file.exists():
            return cls()
        paths, told, inode, offset = json.loads(file.read_text())
        return cls(paths, set(told), inode, offset)


def read_when(text: str, now: datetime) -> datetime:
    """RFC 3339, or the time stamps of old without year and zone (RFC 3164 section 4.1.2)."""
    if text[0].isdigit():
        return datetime.fromisoformat(text)
    local = now.astimezone()
    when = datetime.strptime(f"{local.year} {text}", "%Y %b %d %H:%M:%S").astimezone()
    if when > local + timedelta(days=1):
        when = when.replace(year=local.year - 1)
    return when


def whole_lines(log: Path, reading: Reading) -> Iterator[str]:
    """Those not read yet, through a rotation: the old file is read to its end, then the new one."""
    for file in _files(log, reading):
        with file:
            stat = os.fstat(file.fileno())
            if stat.st_ino != reading.inode or stat.st_size < reading.offset:
                reading.inode, reading.offset = stat.st_ino, 0
            file.seek(reading.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                reading.offset += len(line)
                yield line.decode("utf-8", "replace").rstrip("\n")


def _files(log: Path, reading: Reading) -> Iterator[BinaryIO]:
    rotated = log.with_name(log.name + ".1")
    for path in (rotated, log):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        if path == log or os.fstat(file.fileno()).st_ino == reading.inode:
            yield file
        else:
            file.close()


def tell(door: Door, events: Sequence[dict[str, Any]]) -> None:
    """Until it is taken, however long that is. What is refused is cut in half until only the wrong event is left out."""
    pause = 1.0
    while True:
        try:
            return post(door, "warmpost", json.dumps(events).encode())
        except Refused as problem:
            if len(events) > 1:
                middle = len(events) // 2
                tell(door, events[:middle])
                tell(door, events[middle:])
            else:
                print(f"left out {events[0]['id']}: {problem}", file=sys.stderr, flush=True)
            return None
        except Unavailable as problem:
            print(f"waiting: {problem}", file=sys.stderr, flush=True)
        time.sleep(pause)
        pause = min(pause * 2, 60.0)


def follow(door: Door, log: Path, state: Path) -> None:
    """Returns only by SIGTERM or SIGINT."""
    reading = Reading.load(state)
    saved, saved_at = (reading.inode, reading.offset), time.monotonic()
    while True:
        tell_news(door, log, reading)
        if saved != (reading.inode, reading.offset) and time.monotonic() - saved_at > SAVE_SECONDS:
            reading.save(state)
            saved, saved_at = (reading.inode, reading.offset), time.monotonic()
        time.sleep(LOOK_SECONDS)


def tell_news(door: Door, log: Path, reading: Reading) -> None:
    """All that the log holds and was not read yet."""
    events: list[dict[str, Any]] = []
    for line in whole_lines(log, reading):
        event = reading.read_line(line, datetime.now(UTC))
        if event is not None:
            events.append(event)
        if len(events) == MOST_EVENTS:
            tell(door, events)
            events = []
    if events:
        tell(door, events)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="follow")
    parser.add_argument("--config", type=Path, default=CONFIGURATION)
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--state", type=Path, default=STATE)
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    follow(read_door(given.config), given.log, given.state)


if __name__ == "__main__":
    main()
