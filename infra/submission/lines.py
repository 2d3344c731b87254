"""A session's lines, times and end: what comes before any command is understood."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from infra.smtp.connection import Connection
from infra.submission import replies
from infra.submission.functions_client import Credential
from infra.submission.gateway import Gateway

LONGEST_COMMAND = 1000  # octets; RFC 5321 allows 512, and more for extensions
LONGEST_AUTH = 12_288
MOST_BAD_COMMANDS = 20


class Lines(Connection):
    """Reads commands and hands them to those of `_commands`, until the client leaves, is late, or is asked to go."""

    line_length_limit = 2**16

    def __init__(self, gateway: Gateway, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            gateway,
            data_size_limit=gateway.bounds.message,
            enable_SMTPUTF8=True,
            hostname=gateway.hostname,
            ident="ESMTP Warmpost",
            tls_context=tls,
            timeout=gateway.bounds.before_auth,
            loop=asyncio.get_running_loop(),
        )
        self._held = bytearray()
        self._gateway = gateway
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {}
        self._credential: Credential | None = None
        self._peer = ""
        self._busy = False
        self._bad_commands = 0
        self._deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""
        super().connection_made(transport)
        self._deadline = self.loop.time() + self._gateway.bounds.before_auth

    def connection_lost(self, error: Exception | None) -> None:
        self._gateway.leave(self, self._peer)
        super().connection_lost(error)

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Before AUTH nothing that a client says gives it more time."""
        if duration is None and self._credential is None and self._deadline:
            duration = max(self._deadline - self.loop.time(), 0.01)
        super()._reset_timeout(duration or (self._gateway.bounds.idle if self._credential else None))

    def _timeout_cb(self) -> None:
        self._say_and_close(replies.IDLE)

    def stop(self) -> None:
        """What is being handed over is finished first."""
        if not self._busy:
            self._say_and_close(replies.STOPPING)

    def _say_and_close(self, words: str) -> None:
        """Where the gateway stops, a client that never ends its side of TLS keeps nobody waiting (30 s in the loop)."""
        if self.transport is not None and not self.transport.is_closing():
            self._writer.write(words.encode() + b"\r\n")
            self.transport.close()
        if self._gateway.stopping:
            self._gateway.leave(self, self._peer)

    async def _handle_client(self) -> None:
        try:
            if not self._gateway.enter(self, self._peer) or self._gateway.stopping:
                words = replies.STOPPING if self._gateway.stopping else replies.GREETING_LIMIT
                self._say_and_close(words)
                return
            await self.push(f"220 {self.hostname} {self.__ident__}")
            while self.transport is not None and not self.transport.is_closing():
                await self._next_command()
        except (asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            if self.transport is not None:
                self.transport.close()

    async def _next_command(self) -> None:
        line = await self._read_line()
        if line is None:
            return
        self._reset_timeout()
        word, _, arg = line.partition(" ")
        command = self._commands.get(word.upper())
        if command is None:
            await self._bad(f"500 5.5.1 The command {word[:20]!a} is not known here")
        elif len(line) > LONGEST_COMMAND and word.upper() != "AUTH":
            await self._bad(replies.LONG_COMMAND)
        else:
            await command(arg.strip())
        if self._gateway.stopping:
            self._say_and_close(replies.STOPPING)

    async def _read_line(self) -> str | None:
        """A line without its end; None where it was answered."""
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            await self.push(replies.LONG_COMMAND)
            self._hang_up()
        if len(line) > LONGEST_AUTH + 2 or not line.endswith(b"\r\n"):
            long = len(line) > LONGEST_AUTH + 2
            await self._bad(replies.LONG_COMMAND if long else "500 5.5.2 Lines end with CRLF")
            return None
        try:
            return line[:-2].decode()
        except UnicodeDecodeError:
            await self._bad("500 5.5.2 The line is neither ASCII nor UTF-8")
            return None

    async def _bad(self, words: str) -> None:
        self._bad_commands += 1
        await self.push(words)
        if self._bad_commands >= MOST_BAD_COMMANDS:
            await self.push("421 4.7.0 Too many commands that are none")
            self._hang_up()
