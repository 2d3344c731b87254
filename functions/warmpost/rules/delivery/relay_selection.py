"""Which relay of a pool serves next, and how long one that failed is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0

# To connect, encrypt and log in takes about as many round trips as this many messages.
MESSAGES_WORTH_A_CONNECTION = 5


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often in a row connecting has failed, when last, and until when nobody tries again (seconds, one clock)."""

    failures: int = 0
    failed_at: float = -inf
    until: float = -inf


WELL = Backoff()


def after_failure(backoff: Backoff, *, began: float, now: float, jitter: float) -> Backoff:
    """The pause doubles with each failure in a row; attempts that ran side by side count as one.

    began: when the attempt that failed was started. jitter: 0 to 1, shortens the pause by up to half, so that
    workers do not come back all at once.
    """
    if began < backoff.failed_at:
        return backoff
    pause: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(backoff.failures, 30))
    return Backoff(backoff.failures + 1, now, now + pause * (1 - jitter / 2))


@dataclass(frozen=True, slots=True)
class RelayConnectivity:
    """What is known of one relay of a pool at this moment.

    idle, busy, opening: its connections. credit: what weighting owes it from the choices before.
    """

    weight: int = 1
    max_connections: int = 10
    idle: int = 0
    busy: int = 0
    opening: int = 0
    backoff: Backoff = WELL
    credit: int = 0

    @property
    def connections(self) -> int:
        return self.idle + self.busy + self.opening

    def may_open(self, now: float) -> bool:
        """A relay that failed before is tried with one connection first."""
        return (
            self.connections < self.max_connections
            and now >= self.backoff.until
            and (not self.backoff.failures or not self.opening)
        )

    def may_serve(self, now: float) -> bool:
        return self.weight > 0 and (self.idle > 0 or self.may_open(now))


class Nobody(Enum):
    """Why no relay can serve at this moment."""

    BUSY = "every connection is in use; wait for one"
    DOWN = "every relay has failed and is left alone for a while"


@dataclass(frozen=True, slots=True)
class Choice:
    """index: of the chosen relay. credits: of all relays of the pool, to be kept until the next choice."""

    index: int
    credits: tuple[int, ...]


def choose_relay(standings: Sequence[RelayConnectivity], now: float) -> Choice | Nobody:
    """Take turns by weight among the relays that can serve (smooth weighted round robin: 3:1 gives a a b a).

    A relay left out neither gains nor loses credit. An idle connection serves even while its relay is left alone:
    a relay that refuses an eleventh connection still takes mail over ten.
    """
    able = [i for i, standing in enumerate(standings) if standing.may_serve(now)]
    if not able:
        waits = any(s.weight > 0 and (s.busy or s.opening) for s in standings)
        return Nobody.BUSY if waits else Nobody.DOWN
    credits = [standing.credit for standing in standings]
    for i in able:
        credits[i] += standings[i].weight
    chosen = max(able, key=credits.__getitem__)
    credits[chosen] -= sum(standings[i].weight for i in able)
    return Choice(chosen, tuple(credits))


def closed_for(standings: Sequence[RelayConnectivity], now: float) -> float:
    """Seconds until a relay is tried again where all have failed; 0 while one serves or may be tried."""
    serving = [one for one in standings if one.weight > 0 and one.max_connections > 0]
    if any(one.busy or one.opening or one.may_serve(now) for one in serving):
        return 0.0
    return min((one.backoff.until - now for one in serving), default=LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Closed:
    """No relay of a pool takes mail: why, and in how many seconds it is worth asking again."""

    reason: str
    seconds: float


def connections_wanted(messages: int, standings: Sequence[RelayConnectivity], now: float) -> int:
    """How many connections a claim batch is worth: few for few messages, and as many as keep the relays' shares."""
    serving = [
        s for s in standings if s.weight > 0 and s.max_connections > 0 and (s.busy or s.may_serve(now))
    ]
    total = sum(s.weight for s in serving)
    by_share = min((s.max_connections * total // s.weight for s in serving), default=1)
    return max(1, min(-(-messages // MESSAGES_WORTH_A_CONNECTION), by_share))
