"""One client's SMTP session on aiosmtpd, made quick: DATA in pieces, pipelined replies in one write, the loop's own TLS.

Pinned in infra/requirements.txt more than others: it leans on aiosmtpd's private names (`_reader`, `_writer`,
`_create_session`, `_getaddr`, `_set_rset_state`, `_reset_timeout`).
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import NoReturn

import aiosmtpd.smtp

_SIMPLE_PATH = re.compile(r"""<([^\s<>"(),:;@\[\]\\]+@[^\s<>"(),:;@\[\]\\]+)>(.*)""")

log = logging.getLogger("smtp")


class Oversized(Exception):
    """The message being read is larger than it may be, or there is no room for it; its end has not been seen."""


class Connection(aiosmtpd.smtp.SMTP):
    """What an SMTP server does the same for whoever comes, and whatever becomes of the message."""

    _held: bytearray

    async def push(self, status: str | bytes) -> None:
        """Sends a reply, together with those to the commands before it: a pipelined group is answered in one write.

        A 250 waits only while another whole line, whose own reply takes it along, is already here (RFC 2920
        section 3.2); every other reply goes at once.
        """
        line = status.encode(errors="surrogateescape") if isinstance(status, str) else status
        self._held += line + b"\r\n"
        more_follows = line.startswith(b"250-") or b"\n" in self._reader._buffer  # type: ignore[attr-defined]
        if more_follows and line.startswith(b"250"):
            return
        self._writer.write(bytes(self._held))
        self._held.clear()
        await self._writer.drain()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        simple = _SIMPLE_PATH.fullmatch(arg)
        if simple:
            return simple[1], simple[2]
        return super()._getaddr(arg)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        """Uses the event loop's own TLS, where aiosmtpd puts the slower pure Python one on top of any loop."""
        if arg:
            await self.push("501 5.5.4 Syntax: STARTTLS")
            return
        if self.tls_context is None:
            await self.push("454 4.7.0 TLS not available")
            return
        await self.push("220 2.0.0 Ready to start TLS")
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # RFC 3207 section 4.2: plain text ends here
        try:
            await self._writer.start_tls(self.tls_context)
        except (OSError, AttributeError) as error:  # asyncio's own where the client left during the handshake
            log.info("no TLS with %s: %s", self.session and self.session.peer, error)
            self._writer._transport = self.transport  # type: ignore[attr-defined]  # whose end __del__ asks for
            self._hang_up()
        self.transport = self._writer.transport
        self.tls_context = None
        self.session = self._create_session()
        self.session.ssl = {"sslcontext": True}
        self.envelope = self._create_envelope()

    def _hang_up(self) -> NoReturn:
        """Ends the connection now; commands already received are not looked at (aiosmtpd ends its loop so, too)."""
        if self.transport is not None:
            self.transport.close()
        raise asyncio.CancelledError

    async def _read_message(self, most: int) -> bytes:
        """The message without dot-stuffing (RFC 5321 section 4.5.2). Raises Oversized once more than `most` came."""
        pieces: list[bytes] = []
        size, tail = 0, b""
        while not (tail == b"\r\n.\r\n" or (size == 3 and tail == b".\r\n")):
            piece = await self._read_piece()
            size += len(piece)
            tail = piece[-5:] if len(piece) >= 5 else (tail + piece)[-5:]
            if not self._has_room(len(piece)) or size > most + 3:
                raise Oversized(tail)
            pieces.append(piece)
        content = b"".join(pieces)[:-3]
        if content.startswith(b"."):
            content = content[1:]
        return content.replace(b"\r\n.", b"\r\n")

    def _has_room(self, size: int) -> bool:
        """Whether so many more bytes of a message may be held."""
        return True

    async def _read_piece(self) -> bytes:
        try:
            return await self._reader.readuntil(b".\r\n")
        except asyncio.LimitOverrunError as error:
            return await self._reader.readexactly(error.consumed)

    async def _discard(self, tail: bytes, most: int) -> bool:
        """Reads on to the end of the message, or until `most` further bytes have come: whether it ended."""
        while tail != b"\r\n.\r\n":
            piece = await self._read_piece()
            most -= len(piece)
            if most < 0:
                return False
            tail = piece[-5:] if len(piece) >= 5 else (tail + piece)[-5:]
        return True
