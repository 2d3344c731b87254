"""What relays, mailbox providers and readers report about a message after it was handed over, in one form.

Sources speak RFC 3464, RFC 5965, log-hook JSON or our own; from here on there is only this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ReportedKind = Literal[
    "delivered",
    "dropped",
    "bounced",
    "deferred",
    "complained",
    "unsubscribed",
    "resubscribed",
    "opened",
    "clicked",
]
EventKind = ReportedKind | Literal["sent"]
"""dropped: never handed over, because the address is suppressed or the message could not be made; or given up by its
sender while nobody knew. sent: taken by the relay, for those who want to hear of that."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whose message it was: a recipient of a batch by position, or of a single send by index; address as last resort."""

    batch: str = ""
    message: str = ""
    position: int = 0
    address: str = ""

    @property
    def is_named(self) -> bool:
        return bool(self.batch or self.message)


@dataclass(frozen=True, slots=True)
class Event:
    """One report. at: epoch seconds. id: the same for the same report, however often it arrives.

    code, enhanced_code, text: the receiving server's words for bounces and deferrals. link, user_agent, address_seen:
    of reader actions. machine: not a person opened or clicked. source: `warmpost`, `kumomta`, `dsn`, `arf`, `track`,
    `simulator`, `sender` for what the sender decided, or `worker` for what the delivery itself found and has recorded.
    """

    id: str
    kind: EventKind
    at: float
    target: Target
    source: str
    code: int = 0
    enhanced_code: str = ""
    text: str = ""
    relay: str = ""
    link: str = ""
    user_agent: str = ""
    machine: bool = False
