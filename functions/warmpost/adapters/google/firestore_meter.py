"""Counts what Firestore bills, where it happens."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    def read(self, documents: int) -> None: ...
    def write(self, documents: int) -> None: ...
    def delete(self, documents: int) -> None: ...


class Unmetered:
    def read(self, documents: int) -> None:
        pass

    def write(self, documents: int) -> None:
        pass

    def delete(self, documents: int) -> None:
        pass
