"""Relays to test against: a real one (aiosmtpd) and one that misbehaves exactly as told."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from aiosmtpd.smtp import SMTP, AuthResult

from warmpost.rules.delivery.envelope import Envelope, Outgoing
from warmpost.rules.model.relays import Pool, Relay


class Act(Enum):
    TAKE = "keep the message, whatever is answered"
    DROP = "reset the connection"
    CLOSE = "close the connection after what was said"
    HANG = "say nothing any more"


Answer = bytes | Act | tuple[bytes | Act, ...] | None


def letter(n: int, size: int = 200, **fields) -> Outgoing:
    line = b"This line is here to fill the letter up to its size.\r\n"
    content = b"Subject: %d\r\n\r\n" % n + line * (size // len(line))
    return Outgoing(Envelope("bounces@example.com", f"r{n}@example.net"), (content,), **fields)


def pool_of(*relays: Relay) -> Pool:
    return Pool("test", relays)


class ScriptedRelay:
    """An SMTP server that keeps to the protocol except where `answer` says otherwise.

    answer: called with the session and a step (GREETING, EHLO, MAIL, RCPT, DATA, CONTENT when its first bytes arrive,
    END, RSET); None for what a sound server would say. A 2xx at END means that the message is taken; a 421 is followed
    by closing. cuts: for a connection's number, after how many bytes received it is reset. obliging: answers DATA with 354
    even if no recipient was taken.
    """

    def __init__(
        self,
        answer: Callable[[Session, str], Answer] = lambda session, step: None,
        *,
        extensions: Iterable[str] = ("PIPELINING",),
        cuts: Mapping[int, int] | None = None,
        byte_by_byte: bool = False,
        delay: float = 0.0,
        obliging: bool = False,
    ) -> None:
        self.answer = answer
        self.extensions = tuple(extensions)
        self.cuts = dict(cuts or {})
        self.byte_by_byte = byte_by_byte
        self.delay = delay
        self.obliging = obliging
        self.taken: list[str] = []
        self.contents: list[bytes] = []
        self.commands: list[bytes] = []
        self.sessions: list[Session] = []
        self.most_at_once = 0
        self._surprises: list[dict] = []
        self.port = 0

    async def __aenter__(self) -> ScriptedRelay:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self._surprises.append(context))
        # asyncio turns Nagle's algorithm off only where the protocol is named.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        listener.bind(("127.0.0.1", self.port))
        self._server = await loop.create_server(lambda: Session(self), sock=listener)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for session in self.sessions:
            session.transport.abort()
        await self._server.wait_closed()
        asyncio.get_running_loop().set_exception_handler(None)
        assert not self._surprises, "an exception in a protocol, which asyncio turns into a lost connection"

    def relay(self, name: str = "a", **fields) -> Relay:
        return Relay(name, "127.0.0.1", self.port, security="none", **fields)

    @property
    def connections(self) -> int:
        return len(self.sessions)


class Session(asyncio.Protocol):
    """One connection. number: from 1. message: number of the current MAIL on this connection, from 1."""

    transport: asyncio.Transport

    def __init__(self, server: ScriptedRelay) -> None:
        self.server = server
        self.number = 0
        self.message = 0
        self.is_gone = False
        self.left_over = b""  # what arrived while it said nothing any more
        self._received = 0
        self._buffer = bytearray()
        self._deaf = False
        self._mail_from = False
        self._recipient = ""
        self._reading_content = False
        self._content_begun = False
        self._searched = 0
        self._out = b""
        self._closing = False
        self._writing = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.server.sessions.append(self)
        self.number = len(self.server.sessions)
        now = sum(not session.is_gone for session in self.server.sessions)
        self.server.most_at_once = max(self.server.most_at_once, now)
        self._do("GREETING", b"220 relay.test ESMTP\r\n")

    def connection_lost(self, exc) -> None:
        self.is_gone = self._deaf = True

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self.left_over += data
            return
        cut = self.server.cuts.get(self.number)
        allowed = data if cut is None else data[: max(0, cut - self._received)]
        self._received += len(data)
        self._buffer += allowed
        while not self._deaf and self._advance():
            pass
        if len(allowed) < len(data):
            self._deaf = True
            self.transport.abort()

    def _advance(self) -> bool:
        if self._reading_content:
            return self._read_content()
        end = self._buffer.find(b"\n") + 1
        if not end:
            return False
        line = bytes(self._buffer[:end]).rstrip()
        del self._buffer[:end]
        self.server.commands.append(line)
        self._command(line[:4].upper().decode(), line)
        return True

    def _command(self, verb: str, line: bytes) -> None:
        match verb:
            case "EHLO":
                lines = ["relay.test", *self.server.extensions]
                last = len(lines) - 1
                self._do(
                    verb,
                    "".join(f"250{' ' if i == last else '-'}{e}\r\n" for i, e in enumerate(lines)).encode(),
                )
            case "MAIL":
                self.message += 1
                sound = b"503 5.5.1 nested MAIL\r\n" if self._mail_from else b"250 2.1.0 ok\r\n"
                self._mail_from |= self._do(verb, sound) == 2
            case "RCPT":
                sound = b"250 2.1.5 ok\r\n" if self._mail_from else b"503 5.5.1 need MAIL\r\n"
                if self._do(verb, sound) == 2:
                    self._recipient = line[9:-1].decode()
            case "DATA":
                able = self._recipient or self.server.obliging
                sound = b"354 go ahead\r\n" if able else b"554 5.5.1 no valid recipients\r\n"
                self._reading_content = self._do(verb, sound) == 3
                self._content_begun = False
                self._searched = 0
            case "RSET":
                self._reset()
                self._do(verb, b"250 2.0.0 ok\r\n")
            case "QUIT":
                self._do(verb, b"221 2.0.0 bye\r\n")
                self._perform(Act.CLOSE)
            case _:
                self._do(verb, b"500 5.5.2 what?\r\n")

    def _read_content(self) -> bool:
        if self._buffer and not self._content_begun:
            self._content_begun = True
            self._do("CONTENT", b"")
            if self._deaf:
                return False
        if self._buffer.startswith(b".\r\n"):
            length = 0
        else:
            length = self._buffer.find(b"\r\n.\r\n", self._searched) + 2
            self._searched = max(0, len(self._buffer) - 4)
            if length < 2:
                return False
        content = bytes(self._buffer[:length])
        del self._buffer[: length + 3]
        self._reading_content = False
        if self._recipient:
            self._do("END", b"250 2.0.0 taken\r\n", content)
        else:
            self._do("END", b"554 5.5.1 no valid recipients\r\n")
        self._reset()
        return True

    def _reset(self) -> None:
        self._mail_from, self._recipient = False, ""

    def _do(self, step: str, sound: bytes, content: bytes = b"") -> int:
        """Answer; the class of the reply (2 for 2xx), 0 if there was none."""
        answer = self.server.answer(self, step)
        if answer is None:
            answer = sound
        parts = answer if isinstance(answer, tuple) else (answer,)
        first = parts[0] if isinstance(parts[0], bytes) else b""
        if step == "END" and self._recipient and (Act.TAKE in parts or first.startswith(b"2")):
            self.server.taken.append(self._recipient)
            self.server.contents.append(content)
        for part in parts:
            self._perform(part)
        return int(first[:1]) if first[:1].isdigit() else 0

    def _perform(self, part: bytes | Act) -> None:
        if isinstance(part, bytes):
            self._out += part
            self._closing |= part.startswith(b"421")
            self._deaf |= self._closing
        elif part is Act.HANG:
            self._deaf = True
        elif part is Act.CLOSE:
            self._deaf = self._closing = True
        elif part is Act.DROP:
            self._deaf = True
            self.transport.abort()
        if self.server.delay and self._out and not self._writing:
            self._writing = True
            asyncio.get_running_loop().call_later(self.server.delay, self._write)
        elif not self._writing:
            self._write()

    def _write(self) -> None:
        self._writing = False
        if self.transport.is_closing():
            return
        now, self._out = (self._out[:1], self._out[1:]) if self.server.byte_by_byte else (self._out, b"")
        self.transport.write(now)
        if self._out:
            self._writing = True
            asyncio.get_running_loop().call_soon(self._write)
        elif self._closing:
            self.transport.close()


class Mailroom:
    """An aiosmtpd handler that keeps what it is given. replies: to RCPT and to the message, by recipient."""

    def __init__(self, *, pipelining: bool = True) -> None:
        self.pipelining = pipelining
        self.rcpt_replies: dict[str, str] = {}
        self.data_replies: dict[str, str] = {}
        self.mail: list[tuple[str, str, bytes, list[str]]] = []
        self.was_tls: list[bool] = []

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.pipelining else responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if refusal := self.rcpt_replies.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        if refusal := self.data_replies.get(recipient):
            return refusal
        self.mail.append((envelope.mail_from, recipient, envelope.original_content, envelope.mail_options))
        self.was_tls.append(session.ssl is not None)
        return "250 2.0.0 queued"


class RealRelay:
    """aiosmtpd on a free port of this event loop. tls: from the first byte; starttls: on demand."""

    def __init__(
        self,
        room: Mailroom,
        *,
        tls: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        **options,
    ) -> None:
        self._room = room
        self._tls = tls
        self._options = dict(options, tls_context=starttls, require_starttls=starttls is not None)
        if login:
            self._options |= {"authenticator": self._check, "auth_required": True}
            self._options["auth_require_tls"] = starttls is not None
        self._login = login
        self.logins: list[tuple[str, str]] = []
        self.port = 0

    def _check(self, server, session, envelope, mechanism, auth_data) -> AuthResult:
        given = (auth_data.login.decode(), auth_data.password.decode())
        self.logins.append(given)
        return AuthResult(success=given == self._login, handled=False)

    async def __aenter__(self) -> RealRelay:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(
                self._room, enable_SMTPUTF8=self._options.get("enable_SMTPUTF8", False), **self._rest()
            ),
            "127.0.0.1",
            0,
            ssl=self._tls,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def _rest(self) -> dict:
        return {name: value for name, value in self._options.items() if name != "enable_SMTPUTF8"}

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
