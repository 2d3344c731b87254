"""A connection as bytes and time: flow control and the alarm, so that a conversation need only think of replies."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator


class Transport(asyncio.Protocol, ABC):
    """Writes without ever filling memory, notices when the other side hangs, and ends once."""

    def __init__(self, transport: asyncio.Transport, patience: float) -> None:
        """patience: seconds until the first alarm."""
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._blocks: Iterator[bytes] | None = None
        self._then: Callable[[], None] | None = None
        self._paused = False
        self._deadline = self._alarm_at = self._loop.time() + patience
        self._alarm = self._loop.call_at(self._alarm_at, self._on_alarm)
        self.written = 0
        self.is_open = True
        self.closed = asyncio.Event()
        transport.set_protocol(self)
        # Nothing more is written before all that was written has left: the final dot stays here as long as it can.
        transport.set_write_buffer_limits(high=1, low=0)

    @abstractmethod
    def lost(self) -> None:
        """The connection is gone."""

    @abstractmethod
    def overdue(self) -> None:
        """Nothing happened within the time expected."""

    def is_usable(self) -> bool:
        return self.is_open and not self._transport.is_closing() and self._loop.time() < self._deadline

    def write(self, data: bytes) -> None:
        if self._transport.is_closing():
            self.lost()
        else:
            self.written += len(data)
            self._transport.write(data)

    @property
    def is_streaming(self) -> bool:
        return self._blocks is not None

    def stream(self, blocks: Iterator[bytes], then: Callable[[], None]) -> None:
        """Write the blocks at the pace the other side reads, and go on with `then` once all but the last have left."""
        self._blocks, self._then = blocks, then
        self._write_blocks()

    def _write_blocks(self) -> None:
        while self._blocks is not None and self._then is not None and self.is_open and not self._paused:
            block = next(self._blocks, None)
            if block is not None:
                self.write(block)
            else:
                then, self._blocks, self._then = self._then, None, None
                then()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self.is_streaming:
            self._write_blocks()
            self.set_alarm()

    @abstractmethod
    def set_alarm(self) -> None:
        """Call expect_within for what is awaited now."""

    def expect_within(self, seconds: float) -> None:
        self._deadline = self._loop.time() + seconds
        if self._deadline < self._alarm_at:
            self._alarm.cancel()
            self._alarm_at = self._deadline
            self._alarm = self._loop.call_at(self._alarm_at, self._on_alarm)

    def _on_alarm(self) -> None:
        if self._loop.time() < self._deadline:
            self._alarm_at = self._deadline
            self._alarm = self._loop.call_at(self._alarm_at, self._on_alarm)
        else:
            self.overdue()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()
        self.closed.set()

    def leave(self, farewell: bytes) -> None:
        """Close after a last line; nothing of what may still arrive is read."""
        self.is_open = False
        self._alarm.cancel()
        if not self._transport.is_closing():
            self._transport.write(farewell)
            self._transport.close()

    def hang_up(self) -> None:
        """Close at once; what was not sent yet never will be."""
        self.is_open = False
        self._alarm.cancel()
        self._blocks = self._then = None
        self._transport.abort()
