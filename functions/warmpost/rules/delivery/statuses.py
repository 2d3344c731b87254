"""What can become of a recipient, and which change may follow which.

One table decides for everybody: workers, relay events, reader actions and operators. Late, repeated and
out-of-order events move a recipient only along it, so that the end does not depend on the order of arrival.
"""

from __future__ import annotations

from enum import Enum


class Status(Enum):
    """The value is what clients see; `mark` is the character that stands for it in a packed result string."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"

    @property
    def mark(self) -> str:
        return MARKS[self]


MARKS: dict[Status, str] = {
    Status.QUEUED: ".",
    Status.SENDING: ">",
    Status.SENT: "s",
    Status.DELIVERED: "d",
    Status.DEFERRED: "t",
    Status.BOUNCED: "b",
    Status.COMPLAINED: "c",
    Status.SUPPRESSED: "x",
    Status.FAILED: "f",
    Status.UNCERTAIN: "u",
    Status.CANCELLED: "-",
}
BY_MARK: dict[str, Status] = {mark: status for status, mark in MARKS.items()}

UNFINISHED = frozenset({Status.QUEUED, Status.SENDING, Status.DEFERRED})
"""What a worker still has to do something about."""

_S = Status
TRANSITIONS: dict[Status, frozenset[Status]] = {
    _S.QUEUED: frozenset({_S.SENDING, _S.SUPPRESSED, _S.FAILED, _S.CANCELLED, _S.BOUNCED}),
    _S.SENDING: frozenset(
        {_S.SENT, _S.DELIVERED, _S.DEFERRED, _S.BOUNCED, _S.FAILED, _S.UNCERTAIN, _S.QUEUED}
    ),
    _S.DEFERRED: frozenset(
        {_S.SENDING, _S.SENT, _S.DELIVERED, _S.BOUNCED, _S.SUPPRESSED, _S.FAILED, _S.CANCELLED, _S.COMPLAINED}
    ),
    _S.SENT: frozenset({_S.DELIVERED, _S.DEFERRED, _S.BOUNCED, _S.COMPLAINED}),
    _S.DELIVERED: frozenset({_S.BOUNCED, _S.COMPLAINED}),
    _S.UNCERTAIN: frozenset(
        {_S.SENT, _S.DELIVERED, _S.BOUNCED, _S.COMPLAINED, _S.QUEUED, _S.DEFERRED, _S.FAILED, _S.CANCELLED}
    ),
    _S.BOUNCED: frozenset({_S.COMPLAINED}),
    _S.COMPLAINED: frozenset(),
    _S.SUPPRESSED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}


def may_become(now: Status, then: Status) -> bool:
    return then in TRANSITIONS[now]
