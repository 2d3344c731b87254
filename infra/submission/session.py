"""One client's session: commands in their order, TLS before credentials, credentials before mail, 250 after 202."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from infra.smtp.connection import Oversized
from infra.submission import replies
from infra.submission.auth import read_credential
from infra.submission.envelope import Envelope, read_mail, read_rcpt
from infra.submission.functions_client import Credential
from infra.submission.gateway import Gateway
from infra.submission.lines import Lines

MOST_DISCARDED = 16_000_000


class Session(Lines):
    """tls: what STARTTLS is answered with; None where the connection is encrypted from its first byte."""

    def __init__(self, gateway: Gateway, tls: ssl.SSLContext | None) -> None:
        super().__init__(gateway, tls)
        self._greeted = False
        self._mail: Envelope | None = None
        self._taken = 0  # bytes of the message that is being read
        self._wrong = 0
        self._commands = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail_from,
            "RCPT": self._rcpt_to,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "VRFY": self._vrfy,
            "QUIT": self._quit,
        }

    @property
    def _is_encrypted(self) -> bool:
        return self.tls_context is None

    async def _ehlo(self, arg: str) -> None:
        if not arg:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return
        self._greeted, self._mail = True, None
        offers = ["PIPELINING", f"SIZE {self._gateway.bounds.message}", "8BITMIME", "SMTPUTF8"]
        offers += ["ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN" if self._is_encrypted else "STARTTLS"]
        await self.push(f"250-{self.hostname}")
        for one in offers[:-1]:
            await self.push(f"250-{one}")
        await self.push(f"250 {offers[-1]}")

    async def _helo(self, arg: str) -> None:
        if not arg:
            await self.push("501 5.5.4 Syntax: HELO hostname")
            return
        self._greeted, self._mail = True, None
        await self.push(f"250 {self.hostname}")

    async def _starttls(self, arg: str) -> None:
        if self._is_encrypted:
            await self.push("503 5.5.1 TLS is on already")
            return
        try:
            await self.smtp_STARTTLS(arg)
        except ssl.SSLError:
            self._hang_up()
        self._greeted, self._mail, self._credential = False, None, None

    async def _auth(self, arg: str) -> None:
        if not await self._may_auth():
            return
        given = await read_credential(arg, self._ask)
        if isinstance(given, str):
            await self.push(given)
        elif self._gateway.is_guessing(self._peer):
            await self.push(replies.TOO_MANY_WRONG)
            self._hang_up()
        else:
            await self._log_in(given)

    async def _may_auth(self) -> bool:
        words = ""
        if not self._is_encrypted:
            words = replies.TLS_FIRST
        elif not self._greeted:
            words = "503 5.5.1 EHLO first"
        elif self._credential is not None or self._mail is not None:
            words = "503 5.5.1 AUTH comes once, before MAIL"
        if words:
            await self.push(words)
        return not words

    async def _log_in(self, given: Credential) -> None:
        answer = await self._gateway.check(given, self._peer)
        if answer.status == 200:
            self._credential = given
            self._reset_timeout()
            await self.push("235 2.7.0 Authentication succeeded")
        elif answer.status in (401, 403):
            self._wrong += 1
            await self.push(replies.WRONG)
            if self._wrong >= self._gateway.bounds.wrong_each:
                await self.push(replies.TOO_MANY_WRONG)
                self._hang_up()
        else:
            await self.push(replies.AWAY)

    async def _ask(self, challenge: str) -> str:
        await self.push(challenge)
        line = await self._reader.readuntil(b"\n")
        return line.rstrip(b"\r\n").decode("ascii", "replace")

    async def _ready(self) -> bool:
        words = ""
        if not self._greeted:
            words = "503 5.5.1 EHLO first"
        elif not self._is_encrypted:
            words = replies.TLS_FIRST
        elif self._credential is None:
            words = replies.AUTH_FIRST
        if words:
            await self.push(words)
        return not words

    async def _mail_from(self, arg: str) -> None:
        if not await self._ready():
            return
        if self._mail is not None:
            await self.push("503 5.5.1 There was a MAIL before; RSET or DATA first")
            return
        read = read_mail(arg, self._gateway.bounds.message)
        if isinstance(read, str):
            await self.push(read)
            return
        self._mail = read
        await self.push("250 2.1.0 OK")

    async def _rcpt_to(self, arg: str) -> None:
        if not await self._ready():
            return
        if self._mail is None:
            await self.push("503 5.5.1 MAIL first")
            return
        await self.push(read_rcpt(arg, self._mail, self._gateway.bounds.recipients))

    async def _data(self, arg: str) -> None:
        if not await self._ready():
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
        elif self._mail is None:
            await self.push("503 5.5.1 MAIL first")
        elif not self._mail.recipients:
            await self.push("554 5.5.1 No valid recipients")
        else:
            envelope, self._mail = self._mail, None
            self._busy = True
            try:
                await self._take(envelope)
            finally:
                self._busy = False

    async def _take(self, envelope: Envelope) -> None:
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        try:
            content = await self._read_message(self._gateway.bounds.message)
            await self._hand_over(envelope, content)
        except Oversized as error:
            await self._refuse_oversized(error.args[0])
        finally:
            self._gateway.memory -= self._taken
            self._taken = 0

    def _has_room(self, size: int) -> bool:
        self._gateway.memory += size
        self._taken += size
        return self._gateway.memory <= self._gateway.bounds.memory

    async def _hand_over(self, envelope: Envelope, content: bytes) -> None:
        assert self._credential is not None
        self._reset_timeout()
        answer = await self._gateway.client.send(self._credential, envelope.recipients, content, self._peer)
        if answer.status == 401:
            self._gateway.forget(self._credential)
        await self.push(replies.reply(answer))

    async def _refuse_oversized(self, tail: bytes) -> None:
        """Said at once; a client that goes on is heard for a while, so that the answer is not lost with the connection."""
        most = self._gateway.bounds.message
        words = replies.NO_MEMORY if self._taken <= most else replies.TOO_LARGE.format(most=most)
        self._writer.write(words.encode() + b"\r\n")
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                if await self._discard(tail, MOST_DISCARDED):
                    return
        self._hang_up()

    async def _rset(self, arg: str) -> None:
        self._mail = None
        await self.push("250 2.0.0 OK")

    async def _noop(self, arg: str) -> None:
        await self.push("250 2.0.0 OK")

    async def _vrfy(self, arg: str) -> None:
        await self.push("252 2.5.2 Send some mail, and see")

    async def _quit(self, arg: str) -> None:
        await self.push("221 2.0.0 Bye")
        self._hang_up()
