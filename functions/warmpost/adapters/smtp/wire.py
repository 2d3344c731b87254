"""What goes over the wire: the commands of an envelope, and content made transparent (RFC 5321 section 4.5.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from warmpost.rules.delivery.envelope import Outgoing

BLOCK = 65_536
_DOT_BEGINS_A_LINE = re.compile(rb"\n\.").search  # in half the time of `in`


class Step(Enum):
    """What a reply is awaited for."""

    RSET = 1
    MAIL = 2
    RCPT = 3
    DATA = 4
    LONE_DOT = 5
    MESSAGE = 6


ENVELOPE = (Step.MAIL, Step.RCPT, Step.DATA)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until a relay counts as hung (in the spirit of RFC 5321 section 4.5.3.2, shorter: a worker's time is short).

    connect: until connected and greeted. command: for EHLO, STARTTLS and AUTH together, then for MAIL, RCPT, DATA each.
    data: until a block of content has left. end_of_data: until a whole message is answered. idle: how long an unused
    connection is kept.
    """

    connect: float = 10
    command: float = 60
    data: float = 120
    end_of_data: float = 300
    idle: float = 30

    def until(self, awaited: Step | None) -> float:
        if awaited is None:
            return self.idle
        return self.end_of_data if awaited in (Step.MESSAGE, Step.LONE_DOT) else self.command


@dataclass(frozen=True, slots=True)
class Offers:
    """What a relay announced after EHLO. size_limit: bytes, 0 without a limit (RFC 1870)."""

    pipelining: bool = False
    size: bool = False
    size_limit: int = 0
    smtputf8: bool = False
    eight_bit: bool = False

    @classmethod
    def from_extensions(cls, extensions: dict[str, str]) -> Offers:
        """extensions: keyword in lower case to its parameters, as aiosmtplib gives them."""
        size_limit = extensions.get("size", "").strip()
        return cls(
            pipelining="pipelining" in extensions,
            size="size" in extensions,
            size_limit=int(size_limit) if size_limit.isascii() and size_limit.isdigit() else 0,
            smtputf8="smtputf8" in extensions,
            eight_bit="8bitmime" in extensions,
        )


class Unfit(ValueError):
    """This relay can never take this message; the text begins with an enhanced status code."""


def fitted(message: Outgoing, offers: Offers) -> Outgoing:
    """The message in the form that this relay takes. Raises Unfit."""
    if not message.eight_bit or offers.eight_bit:
        return message
    if not message.seven_bit:
        raise Unfit(
            "5.6.3 a signed or encrypted part holds 8-bit text, which the relay does not take (8BITMIME)"
        )
    return replace(message, content=message.seven_bit, eight_bit=False)


def envelope_commands(message: Outgoing, offers: Offers) -> bytes:
    """MAIL, RCPT and DATA, a line each. Raises Unfit."""
    mail_from, rcpt_to = message.envelope.mail_from, message.envelope.rcpt_to
    parameters = ""
    if offers.size:
        size = message.size
        if offers.size_limit and size > offers.size_limit:
            raise Unfit(f"5.3.4 the message has {size} bytes, the relay takes {offers.size_limit} at most")
        parameters = f" SIZE={size}"
    if message.smtputf8:
        if not offers.smtputf8:
            raise Unfit("5.6.7 the relay does not take internationalised addresses (SMTPUTF8)")
        parameters += " SMTPUTF8 BODY=8BITMIME"
    elif message.eight_bit:
        parameters += " BODY=8BITMIME"
    elif not (mail_from + rcpt_to).isascii():
        raise Unfit("5.6.7 an address needs SMTPUTF8, but the message was not made for it")
    for address in (mail_from, rcpt_to):
        if not _fits_a_command(address):
            raise Unfit(f"5.1.3 not an address that an SMTP command can carry: {address!r}")
    return f"MAIL FROM:<{mail_from}>{parameters}\r\nRCPT TO:<{rcpt_to}>\r\nDATA\r\n".encode()


def _fits_a_command(address: str) -> bool:
    if "<" in address or ">" in address:
        return False
    if address.isascii():
        return address.isprintable()
    return not any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in address)


def stuffed(content: Sequence[bytes]) -> Iterator[bytes]:
    """Content in blocks of about BLOCK bytes, with a second dot before each one that begins a line.

    Only blocks that need it are copied whole; what follows a line end may be in another buffer.
    """
    at_line_start = True
    for block in _blocks(content):
        starts_with_dot = at_line_start and block[0] == 0x2E
        at_line_start = block[-1] == 0x0A
        if _DOT_BEGINS_A_LINE(block):
            block = block.replace(b"\n.", b"\n..")
        yield b"." + block if starts_with_dot else block


def _blocks(content: Sequence[bytes]) -> Iterator[bytes]:
    for buffer in content:
        if len(buffer) <= BLOCK:
            if buffer:
                yield buffer
        else:
            for start in range(0, len(buffer), BLOCK):
                yield buffer[start : start + BLOCK]


def end_of_data(content: Sequence[bytes]) -> bytes:
    """The lone dot, on a line of its own whether or not the content ends with one."""
    end = b""
    for buffer in reversed(content):
        end = buffer[-2:] + end
        if len(end) >= 2:
            break
    return b".\r\n" if end.endswith(b"\r\n") else b"\r\n.\r\n"
