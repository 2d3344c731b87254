"""What is handed to a relay, and what the relay said: the values the pipeline passes on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Envelope:
    """Return path and recipient of one SMTP transaction (RFC 5321 section 3.3), without angle brackets."""

    mail_from: str
    rcpt_to: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message ready for the socket.

    content: the complete message (RFC 5322, CRLF line ends) in buffers written one after the other, so that
    attachments shared by a whole chunk are never copied. Not dot-stuffed. eight_bit: its bodies hold octets above 127
    (8BITMIME, RFC 6152); seven_bit is then the same message, signed for itself, for relays that do not take them, or
    empty where nothing may be re-encoded.
    """

    envelope: Envelope
    content: tuple[bytes, ...]
    smtputf8: bool = False
    eight_bit: bool = False
    seven_bit: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        return sum(map(len, self.content))


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply: code, enhanced status code (RFC 3463) where the server gave one, text without both."""

    code: int
    enhanced_code: str
    text: str

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced_code, self.text) if part)


STOPPED = "stopped before it was begun"
"""Reason of a message whose time was over before a relay had time for it."""


class HandOver(Enum):
    """How the attempt to hand one message to a relay ended."""

    ACCEPTED = "accepted"  # 2xx to the message
    REFUSED = "refused"  # 5xx to MAIL, RCPT, DATA or the message: this message will never be taken
    POSTPONED = "postponed"  # 4xx to the same: this message may be taken later
    IN_DOUBT = "in_doubt"  # the end of DATA may have reached the relay, its answer never came
    NOT_TRIED = (
        "not_tried"  # no relay could be reached, or the connection ended before DATA's end: safe to resend
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one hand-over, with the relay's words where it had some.

    relay: name of the relay, empty where none was reached. reply: None unless a server spoke.
    reason: our own words where no reply tells (`connection refused`, `time-out after DATA`).
    """

    hand_over: HandOver
    relay: str = ""
    reply: Reply | None = None
    reason: str = ""
