"""A relay that keeps what it took and breaks connections off at every step of SMTP, at random."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

STEPS = ("connect", "EHLO", "MAIL", "RCPT", "DATA", "body", "dot, not kept", "dot, kept")
OFTEN = 5
"""Times the rate at which connections break off before they are used: there are so many fewer of them."""

END = b"\r\n.\r\n"


class _Dropped(Exception):
    pass


@dataclass
class DroppingRelay:
    """rate: the chance of a drop at each step. taken: how often, by recipient and Message-ID.

    in_doubt: recipients whose content was under way, or whose answer was, when their connection broke off.
    """

    dice: random.Random
    rate: float
    port: int = 0
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)
    in_doubt: set[str] = field(default_factory=set)
    drops: Counter[str] = field(default_factory=Counter)
    _open: dict[asyncio.StreamWriter, str] = field(default_factory=dict)

    def break_off(self) -> None:
        """Every connection at once, as when the relay's process ends."""
        self.drops["all at once"] += 1
        for writer, recipient in list(self._open.items()):
            if recipient:
                self.in_doubt.add(recipient)
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = ""
        try:
            await self._talk(reader, writer)
        except (_Dropped, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            del self._open[writer]

    def _step(self, name: str) -> None:
        often = OFTEN if name in ("connect", "EHLO") else 1
        if self.dice.random() < self.rate * often:
            self.drops[name] += 1
            raise _Dropped

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._step("connect")
        writer.write(b"220 dropping.example\r\n")
        recipient = ""
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            if verb in STEPS:
                self._step(verb)
            if verb == "EHLO":
                writer.write(b"250-dropping.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                writer.write(b"250 2.1.5 Ok\r\n")
            elif verb == "DATA":
                writer.write(b"354 Go ahead\r\n")
                await self._content(reader, writer, recipient)
            elif verb == "QUIT":
                writer.write(b"221 Bye\r\n")
                return
            else:
                writer.write(b"250 2.0.0 Ok\r\n")

    async def _content(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recipient: str
    ) -> None:
        self._open[writer] = recipient
        try:
            self._step("body")
            content = await reader.readuntil(END)
            self._step("dot, not kept")
            self._keep(recipient, content)
            self._step("dot, kept")
        except _Dropped:
            self.in_doubt.add(recipient)
            raise
        self._open[writer] = ""
        writer.write(b"250 2.0.0 Ok: queued\r\n")

    def _keep(self, recipient: str, content: bytes) -> None:
        head = content.partition(b"\r\n\r\n")[0].split(b"\r\n")
        name = next(line for line in head if line.lower().startswith(b"message-id:"))
        self.taken[recipient, name.decode()] += 1
        self.order.append(recipient)


@asynccontextmanager
async def dropping_relay(dice: random.Random, rate: float) -> AsyncIterator[DroppingRelay]:
    relay = DroppingRelay(dice, rate)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, limit=1 << 20)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.break_off()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)
