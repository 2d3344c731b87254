"""Where mail leaves: relays and the pools they form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TRANSPORT_FIELD = "X-Warmpost-Pool"
"""For the relay alone: no sender can set it, no signature covers it, no recipient sees it."""

SHARED = "shared"
"""The pool of all domains that are bound to no other."""

Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, slots=True)
class Relay:
    """One SMTP server that takes our mail.

    security: `none`, `starttls` (required, not opportunistic) or `tls` (from the first byte). verify: check its certificate.
    weight: share of a pool's connections. max_connections: at once, from one worker process.
    password_secret: name of the secret that holds the password (never the password itself).
    reports: `events` where its deliveries come back as events. final: its 250 means delivered to the mailbox.
    transport: which of its own transports the relay is to send by, told in a header field that it removes; empty for none.
    """

    name: str
    host: str
    port: int
    security: Security = "starttls"
    verify: bool = True
    username: str = ""
    password_secret: str = ""
    weight: int = 1
    max_connections: int = 10
    reports: Literal["none", "events"] = "none"
    final: bool = False
    transport: str = ""

    @property
    def mark(self) -> bytes:
        """What stands above everything that is signed."""
        return f"{TRANSPORT_FIELD}: {self.transport}\r\n".encode("ascii") if self.transport else b""


@dataclass(frozen=True, slots=True)
class Pool:
    name: str
    relays: tuple[Relay, ...]
