"""What the Maildir holds, newest first: read when somebody looks, never while mail arrives."""

from __future__ import annotations

import bisect
import re
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.local.inbox.maildir import Maildir, Stored, arrival, take_apart
from infra.local.inbox.parsed_message import decoded, header_date

HEAD = 64 * 1024  # octets in which the headers of a summary are looked for
SCAN_SHARE = 20  # the folder is listed again after so many times as long as listing it took

_HEADERS = re.compile(
    rb"^(From|To|Subject|Date):[ \t]*((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Summary:
    """A line of the message list. to: envelope recipient; sender: the From header; size: octets of the message itself.

    date: the Date header where it can be read, else the arrival. received: the arrival.
    """

    id: str
    to: str
    sender: str
    subject: str
    date: datetime
    received: datetime
    size: int

    def matches(self, to: str, text: str) -> bool:
        """to: a whole address must be the recipient; a fragment (`name`, `@domain`, `name@`) may be anywhere in it.
        text: every word somewhere in recipient, sender or subject. Both lower case, empty matches."""
        recipient = self.to.lower()
        if to:
            is_whole = "@" in to.strip("@")
            if recipient != to if is_whole else to not in recipient:
                return False
        if not text:
            return True
        line = f"{recipient}\n{self.sender}\n{self.subject}".lower()
        return all(word in line for word in text.split())


@dataclass(frozen=True, slots=True)
class Page:
    """next_cursor: where the next page begins, None on the last. total: how many match over all pages."""

    messages: tuple[Summary, ...]
    next_cursor: str | None
    total: int


class Index:
    """Thread-safe. Its own server's deliveries are seen at once; what others do to the folder within moments."""

    def __init__(self, maildir: Maildir) -> None:
        self._maildir = maildir
        self._lock = threading.Lock()
        self._arrived: deque[str] = deque()
        self._files: dict[str, Path] = {}
        self._ids: list[str] = []
        self._summaries: dict[str, Summary] = {}
        self._next_scan = 0.0

    def note(self, id: str) -> None:
        """Called by the server for each delivery; does next to nothing."""
        self._arrived.append(id)

    def count(self) -> int:
        with self._lock:
            self._refresh()
            return len(self._ids)

    def page(self, *, to: str = "", text: str = "", limit: int = 50, cursor: str | None = None) -> Page:
        """Up to `limit` matching messages that came before `cursor` (an id; None: the newest)."""
        to, text = to.strip().lower(), text.strip().lower()
        with self._lock:
            self._refresh()
            ids = list(self._ids)
            end = len(ids) if cursor is None else bisect.bisect_left(ids, cursor)
            if to or text:
                matching = [id for id in ids if (line := self._summary(id)) and line.matches(to, text)]
                total = len(matching)
                before = matching[: bisect.bisect_left(matching, ids[end]) if end < len(ids) else total]
            else:
                total, before = len(ids), ids[:end]
            shown = before[-limit:][::-1] if limit else []
            next_cursor = shown[-1] if shown and len(before) > len(shown) else None
            lines = tuple(line for id in shown if (line := self._summary(id)))
        return Page(lines, next_cursor, total)

    def summary(self, id: str) -> Summary | None:
        with self._lock:
            self._refresh()
            return self._summary(id)

    def read(self, id: str) -> Stored | None:
        """The message as it was stored; None if there is none of that id (ids are never paths)."""
        with self._lock:
            self._refresh()
            file = self._files.get(id)
        try:
            return take_apart(file.read_bytes()) if file else None
        except FileNotFoundError:
            return None

    def clear(self) -> int:
        with self._lock:
            removed = self._maildir.clear()
            self._next_scan = 0.0
            self._refresh()
            return removed

    def _refresh(self) -> None:
        while self._arrived:
            id = self._arrived.popleft()
            if id not in self._files:
                self._files[id] = self._maildir.folder / "new" / id
                bisect.insort(self._ids, id)
        started = time.monotonic()
        if started < self._next_scan:
            return
        self._files = self._maildir.scan()
        if len(self._files) != len(self._ids) or self._files.keys() != set(self._ids):
            self._ids = sorted(self._files)
            self._summaries = {id: line for id, line in self._summaries.items() if id in self._files}
        finished = time.monotonic()
        self._next_scan = finished + (finished - started) * SCAN_SHARE

    def _summary(self, id: str) -> Summary | None:
        known = self._summaries.get(id)
        if known is not None:
            return known
        file = self._files.get(id)
        if file is None:
            return None
        try:
            with file.open("rb", buffering=0) as opened:
                head = opened.read(HEAD)
                size = file.stat().st_size
        except FileNotFoundError:
            return None
        line = summarise(id, head, size)
        self._summaries[id] = line
        return line


def summarise(id: str, head: bytes, size: int) -> Summary:
    """A message's line in the list from the first octets of its file and the file's size."""
    stored = take_apart(head)
    headers_end = re.search(rb"\r?\n\r?\n", stored.wire)
    fields: dict[bytes, str] = {}
    for name, value in _HEADERS.findall(stored.wire[: headers_end.start() + 2 if headers_end else None]):
        fields.setdefault(name.lower(), decoded(value.decode("utf-8", errors="replace")))
    came = arrival(id)
    received = datetime.fromtimestamp(came if came is not None else 0.0, UTC)
    return Summary(
        id=id,
        to=stored.delivered_to or fields.get(b"to", ""),
        sender=fields.get(b"from", ""),
        subject=fields.get(b"subject", ""),
        date=header_date(fields.get(b"date", "")) or received,
        received=received,
        size=size - (len(head) - len(stored.wire)),
    )
