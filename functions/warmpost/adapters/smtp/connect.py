"""How a connection to a relay comes about: connect, encrypt, log in, each failure told in words."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import cast

import aiosmtplib

from warmpost.adapters.smtp.session import Conversation
from warmpost.adapters.smtp.wire import Offers, Timeouts
from warmpost.rules.model.relays import Relay


class NotOpened(Exception):
    """The relay cannot be used now; the text says why, for people, and never holds a password."""


class Opener:
    """secret: from the name of a secret to its value; may raise anything."""

    def __init__(self, secret: Callable[[str], str], local_hostname: str, timeouts: Timeouts) -> None:
        self._secret = secret
        self._local_hostname = local_hostname
        self._timeouts = timeouts
        self._tls_contexts: dict[bool, ssl.SSLContext] = {}

    async def open(self, relay: Relay) -> Conversation:
        """Raises NotOpened."""
        began = asyncio.get_running_loop().time()
        password = self._password(relay)
        try:
            smtp = await self._connect(relay, password)
        except (TimeoutError, OSError, ValueError, aiosmtplib.SMTPException) as error:
            reason = _reason(relay, error)
            raise NotOpened(reason.replace(password, "(password)") if password else reason) from None
        offers = Offers.from_extensions(smtp.esmtp_extensions)
        transport = cast(asyncio.Transport, smtp.transport)
        return Conversation(relay.name, offers, self._timeouts, transport, began, relay.mark)

    def _password(self, relay: Relay) -> str:
        if not relay.username:
            return ""
        try:
            password = self._secret(relay.password_secret) if relay.password_secret else ""
        except Exception as error:  # whatever keeps secrets may fail in its own ways
            raise NotOpened(
                f"the secret {relay.password_secret!r} could not be read ({type(error).__name__})"
            ) from None
        if not password:
            raise NotOpened(f"secret {relay.password_secret or 'of the password'} is not set")
        return password

    async def _connect(self, relay: Relay, password: str) -> aiosmtplib.SMTP:
        """Time is kept here, not by aiosmtplib: its asyncio.wait_for may lose a cancellation before Python 3.12."""
        smtp = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            local_hostname=self._local_hostname,
            timeout=None,
            use_tls=relay.security == "tls",
            start_tls=False,
            tls_context=None if relay.security == "none" else self._tls_context(relay.verify),
        )
        try:
            async with asyncio.timeout(self._timeouts.connect):
                await smtp.connect()
            async with asyncio.timeout(self._timeouts.command):
                if relay.security == "starttls":
                    await smtp.starttls()
                if relay.username:
                    await smtp.login(relay.username, password)
                if smtp.is_ehlo_or_helo_needed:
                    await _greet(smtp)
            if not smtp.is_connected:
                raise aiosmtplib.SMTPServerDisconnected("connection lost after the greeting")
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _tls_context(self, verify: bool) -> ssl.SSLContext:
        """Made once: reading the certificate authorities takes longer than a connection."""
        if verify not in self._tls_contexts:
            context = ssl.create_default_context()
            if not verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._tls_contexts[verify] = context
        return self._tls_contexts[verify]


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not smtp.is_connected:
            raise
        await smtp.helo()


def _reason(relay: Relay, error: BaseException) -> str:
    where = f"{relay.host}:{relay.port}"
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    match cause:
        case ssl.SSLCertVerificationError():
            return f"TLS with {where}: its certificate is not accepted: {cause.verify_message or cause}"
        case ssl.SSLError():
            return f"TLS with {where} failed: {cause.reason or cause}"
        case socket.gaierror():
            return f"{where}: the host name was not found ({cause.strerror})"
        case OSError(errno=int(errno)):
            return f"{where}: {os.strerror(errno)}"
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return f"{where} refused the login of {relay.username!r}: {error.code} {error.message}"
        case aiosmtplib.SMTPConnectResponseError():
            return f"{where} refused the connection with its greeting: {error.code} {error.message}"
        case aiosmtplib.SMTPResponseException():
            return f"{where} refused to talk: {error.code} {error.message}"
        case TimeoutError():
            return f"{where}: time-out while connecting"
        case aiosmtplib.SMTPException():
            return f"{where}: {error.message}"
    return f"{where}: {error}"
