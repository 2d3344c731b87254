"""Queues and tasks in one SQLite file, committed in groups, so that `kill -9` loses nothing acknowledged."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, queue BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE, queue TEXT, task BLOB, executions INTEGER DEFAULT 0, previous INTEGER,
    reason TEXT DEFAULT '', ended REAL
);
"""
_LAZY_COMMIT = 0.01


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A live task as it was last saved; `task` is the serialised Task message."""

    id: int
    queue: str
    task: bytes
    executions: int
    previous: int | None
    reason: str


class Store:
    """Collects changes and commits them together: at once where somebody waits, else within 10 ms.

    A task that ended keeps its row without content, as a tombstone, until `forget`. A committed change survives
    the end of the process (it is in the write-ahead log), not necessarily that of the machine.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._changes: list[tuple[str, tuple[object, ...]]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.Handle | None = None
        self._commit_soon = False
        self.created = int(self._setting("created") or 0)
        self.dispatched = int(self._setting("dispatched") or 0)
        self.repeated = int(self._setting("repeated") or 0)
        newest = self._database.execute("SELECT coalesce(max(id), 0) FROM tasks").fetchone()
        self._last_id: int = newest[0]

    def signing_key(self, make: Callable[[], bytes]) -> bytes:
        key = self._setting("signing_key")
        if key is None:
            key = make()
            self._database.execute("REPLACE INTO settings VALUES ('signing_key', ?)", (key,))
        if not isinstance(key, bytes):
            raise ValueError("the data file holds no signing key where one is expected")
        return key

    def _setting(self, name: str) -> bytes | int | None:
        found = self._database.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def queues(self) -> Iterator[bytes]:
        for (queue,) in self._database.execute("SELECT queue FROM queues ORDER BY name"):
            yield queue

    def tasks(self) -> Iterator[StoredTask]:
        columns = "id, queue, task, executions, previous, reason"
        for row in self._database.execute(f"SELECT {columns} FROM tasks WHERE ended IS NULL ORDER BY id"):  # noqa: S608
            yield StoredTask(*row)

    def tombstones(self) -> Iterator[tuple[int, str, float]]:
        """Id, name and end of each ended task, oldest end first."""
        yield from self._database.execute(
            "SELECT id, name, ended FROM tasks WHERE ended IS NOT NULL ORDER BY ended"
        )

    def save_queue(self, name: str, queue: bytes) -> None:
        self._change("REPLACE INTO queues VALUES (?, ?)", name, queue)

    def delete_queue(self, name: str) -> None:
        self._change("DELETE FROM queues WHERE name = ?", name)

    def add_task(self, name: str, queue: str, task: bytes) -> int:
        """The id of the new task; it is safe once `durable` returned."""
        self._last_id += 1
        self.created += 1
        self._change(
            "INSERT INTO tasks (id, name, queue, task) VALUES (?, ?, ?, ?)", self._last_id, name, queue, task
        )
        return self._last_id

    def save_attempt(self, id: int, task: bytes, executions: int, previous: int | None, reason: str) -> None:
        self._change(
            "UPDATE tasks SET task = ?, executions = ?, previous = ?, reason = ? WHERE id = ?",
            task,
            executions,
            previous,
            reason,
            id,
        )

    def end_task(self, id: int, ended: float) -> None:
        self._change("UPDATE tasks SET task = NULL, ended = ? WHERE id = ?", ended, id)

    def forget(self, id: int) -> None:
        self._change("DELETE FROM tasks WHERE id = ?", id)

    def clear(self) -> None:
        """Forget queues, tasks, tombstones and counts; the signing key stays."""
        self._change("DELETE FROM tasks")
        self._change("DELETE FROM queues")
        self.created = self.dispatched = self.repeated = 0

    def _change(self, statement: str, *values: object) -> None:
        self._changes.append((statement, values))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LAZY_COMMIT, self.commit)

    async def durable(self) -> None:
        """Return once everything changed so far is committed. Raises sqlite3.Error if that failed."""
        if not self._changes:
            return
        loop = asyncio.get_running_loop()
        if not self._commit_soon:
            self._commit_soon = True
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_soon(self.commit)
        committed = loop.create_future()
        self._waiting.append(committed)
        await committed

    def commit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._commit_soon = None, False
        changes, self._changes = self._changes, []
        waiting, self._waiting = self._waiting, []
        try:
            self._write(changes)
        except sqlite3.Error as error:
            self._settle(waiting, error)
            raise
        self._settle(waiting, None)

    def _write(self, changes: list[tuple[str, tuple[object, ...]]]) -> None:
        execute = self._database.execute
        execute("BEGIN")
        try:
            for statement, values in changes:
                execute(statement, values)
            execute(
                "REPLACE INTO settings VALUES ('created', ?), ('dispatched', ?), ('repeated', ?)",
                (self.created, self.dispatched, self.repeated),
            )
            execute("COMMIT")
        except sqlite3.Error:
            execute("ROLLBACK")
            raise

    @staticmethod
    def _settle(waiting: list[asyncio.Future[None]], error: sqlite3.Error | None) -> None:
        for committed in waiting:
            if committed.done():
                continue
            if error is None:
                committed.set_result(None)
            else:
                committed.set_exception(error)

    def close(self) -> None:
        self.commit()
        self._database.close()
