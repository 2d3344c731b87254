"""A relay that takes messages and forgets them: for long runs, whose mail nobody is going to read."""

from __future__ import annotations

from pathlib import Path

from infra.local.inbox.index import Index
from infra.local.inbox.maildir import Maildir


class Discarded(Maildir):
    """Counts deliveries in place of keeping them; scripted replies come before it, as ever."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.taken = 0

    def deliver(self, return_path: str, recipient: str, content: bytes) -> str:
        self.taken += 1
        return f"{self.taken}.discarded"


class DiscardedIndex(Index):
    """An empty list, with the number of messages that were taken."""

    def __init__(self, discarded: Discarded) -> None:
        super().__init__(discarded)
        self._discarded = discarded

    def note(self, id: str) -> None:
        pass

    def count(self) -> int:
        return self._discarded.taken
