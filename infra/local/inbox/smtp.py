"""The inbox's SMTP server, quick enough not to be what a measurement measures.

aiosmtpd reads DATA line by line and parses addresses with the standard library's header parser; together they
cost several times what keeping the message costs. In `infra.smtp` DATA is read in pieces and common addresses are
matched. It reads commands one after the other from a buffered stream, so pipelined ones (RFC 2920) are answered in order
and PIPELINING can be advertised.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import ssl
import sys
from collections.abc import Callable

from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from infra.local.inbox.maildir import Maildir
from infra.local.inbox.scripted import Refusal, at_data, at_rcpt
from infra.smtp import connection

HOSTNAME = "inbox.localhost"
LARGEST_MESSAGE = 32 * 1024 * 1024  # octets
LONGEST_LINE = 998  # octets without CRLF (RFC 5322 section 2.1.1)
IDLE_SECONDS = 300.0

log = logging.getLogger("inbox.smtp")


class Reception:
    """What all connections share: the Maildir, who is told of a delivery, and whose credentials are taken.

    credentials: (user, password), or None to take any. require_auth: MAIL is refused before AUTH.
    """

    def __init__(
        self,
        maildir: Maildir,
        delivered: Callable[[str], None],
        *,
        credentials: tuple[str, str] | None = None,
        require_auth: bool = False,
    ) -> None:
        self.maildir = maildir
        self.delivered = delivered
        self.credentials = credentials
        self.require_auth = require_auth
        self._refused: set[str] = set()

    def authenticate(
        self, server: object, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        if self.credentials is None:
            return AuthResult(success=True)
        user, password = (text.encode() for text in self.credentials)
        right = hmac.compare_digest(given.login, user) and hmac.compare_digest(given.password, password)
        return AuthResult(success=right, handled=False)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds hooks by name
        self, server: Connection, session: Session, envelope: Envelope, hostname: str, offers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [offers[0], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", *offers[1:]]

    async def handle_RCPT(  # noqa: N802
        self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = at_rcpt(address, refused_before=address.lower() in self._refused)
        if refusal is None:
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK"
        self._refused.add(address.lower())
        if refusal.closes:
            await server.refuse(refusal)
        return refusal.line


class Connection(connection.Connection):
    """One client's SMTP session."""

    line_length_limit = 2**20  # octets that are read in one piece; the RFC's limit on lines is checked below

    def __init__(self, reception: Reception, tls: ssl.SSLContext | None) -> None:
        """tls: what STARTTLS is answered with; None where the connection is encrypted from its first byte."""
        super().__init__(
            reception,
            data_size_limit=LARGEST_MESSAGE,
            enable_SMTPUTF8=True,
            hostname=HOSTNAME,
            ident="Warmpost inbox",
            tls_context=tls,
            timeout=IDLE_SECONDS,
            auth_require_tls=False,
            authenticator=reception.authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._auth_required = reception.require_auth  # as an argument it warns of passwords on the loopback
        self._reception = reception
        self._held = bytearray()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        envelope = self.envelope
        assert envelope is not None
        if arg or not envelope.rcpt_tos:
            await self.push("501 5.5.4 Syntax: DATA" if arg else "503 5.5.1 Error: need RCPT command")
            return
        script = at_data(envelope.rcpt_tos)
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        if script.drop == "in":
            await self._reader.read(1)
            self._hang_up()
        content = await self._whole_message()
        self.envelope = self._create_envelope()
        if content is None:
            await self.push("552 5.3.4 Message too big for this system")
        elif _has_overlong_line(content):
            await self.push("500 5.6.0 Line longer than 998 octets (RFC 5322 section 2.1.1)")
        elif script.refusal:
            await self.refuse(script.refusal)
        else:
            await self._keep(envelope, content, silently=script.drop == "after", delay=script.delay)

    async def _whole_message(self) -> bytes | None:
        """Read to its end; None if it is too large."""
        try:
            return await self._read_message(LARGEST_MESSAGE)
        except connection.Oversized as error:
            await self._discard(error.args[0], sys.maxsize)
            return None

    async def _keep(self, envelope: Envelope, content: bytes, *, silently: bool, delay: float) -> None:
        return_path = envelope.mail_from or ""
        try:
            kept = [
                self._reception.maildir.deliver(
                    "" if return_path == "<>" else return_path, recipient, content
                )
                for recipient in envelope.rcpt_tos
            ]
        except OSError as error:
            log.error("a message could not be kept: %s", error)
            await self.push("452 4.3.1 Insufficient system storage")
            return
        for id in kept:
            self._reception.delivered(id)
        if silently:
            self._hang_up()
        if delay:
            await asyncio.sleep(delay)
        await self.push(f"250 2.0.0 OK: kept as {kept[0]}")

    async def refuse(self, refusal: Refusal) -> None:
        await self.push(refusal.line)
        if refusal.closes:
            self._hang_up()


def _has_overlong_line(content: bytes) -> bool:
    """Whether a line exceeds the limit; strides over as many lines at once as fit into it."""
    start, end = 0, len(content)
    window = LONGEST_LINE + 2
    while end - start > window:
        line_end = content.rfind(b"\n", start, start + window)
        if line_end < 0:
            return True
        start = line_end + 1
    return False
