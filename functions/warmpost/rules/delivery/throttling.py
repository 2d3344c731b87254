"""How fast a mailbox provider is served: by a limit that was set, and by what the provider itself can bear.

A provider that complains of too much at once (421, 4.7.x) is served at half the rate from then on, at most once every few
seconds; the rate then grows back evenly, and what had no limit before is without one again (additive increase,
multiplicative decrease, as in RFC 5681). Rates are messages a second of one process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Protocol

from warmpost.rules.delivery.envelope import HandOver, Outcome
from warmpost.rules.delivery.mailbox_providers import NAMES, OTHER, SIMULATOR, provider_of

HALVED_AT_MOST_EVERY = 5.0
RECOVERY = 300.0
"""Seconds in which a rate grows from nothing to what it was."""
LEAST = 0.1
LEAST_TOP = 20.0
"""What a provider without a limit is taken to bear at least when it first complains."""
MOST_WAIT = 900.0
SLICE = 8.0
"""Seconds for which a chunk serves a slow provider before it makes room for others."""


@dataclass(frozen=True, slots=True)
class Limit:
    """connections: messages of that provider under way at the same time."""

    per_second: float = inf
    connections: float = inf


FREE = Limit()


@dataclass(frozen=True, slots=True)
class ProviderPace:
    """rate: now, top: to which it grows back. tokens: messages that may go at once, as of `since` (seconds).

    promised: until when the rate is spoken for by those that were told when to come. why: the provider's words.
    """

    limit: Limit
    rate: float
    top: float
    tokens: float
    since: float
    slowed_at: float = -inf
    promised: float = -inf
    why: str = ""

    @property
    def is_free(self) -> bool:
        return self.limit == FREE and self.rate >= self.top


def begin(limit: Limit, now: float) -> ProviderPace:
    return ProviderPace(limit, limit.per_second, limit.per_second, _burst(limit.per_second), now)


def _burst(rate: float) -> float:
    """A second's worth, so that no second sees much more than the rate."""
    return max(1.0, rate)


def earned(pace: ProviderPace, now: float) -> ProviderPace:
    """As of now: what the time since has added."""
    passed = max(0.0, now - pace.since)
    if pace.rate == inf:
        return replace(pace, since=now)
    rate = min(pace.top, pace.rate + pace.top * passed / RECOVERY)
    tokens = min(_burst(pace.rate), pace.tokens + pace.rate * passed)
    return replace(pace, rate=rate, tokens=tokens, since=now)


def wait(pace: ProviderPace) -> float:
    """Seconds from `since` until the next message may go."""
    return 0.0 if pace.tokens >= 1.0 else (1.0 - pace.tokens) / pace.rate


def spend(pace: ProviderPace) -> ProviderPace:
    return replace(pace, tokens=pace.tokens - 1.0)


def slowed(pace: ProviderPace, now: float, why: str, seen: float) -> ProviderPace:
    """After a complaint. seen: the rate at which it was served, which counts where there is no limit."""
    pace = earned(pace, now)
    if now - pace.slowed_at < HALVED_AT_MOST_EVERY:
        return pace
    top = max(LEAST_TOP, seen) if pace.rate == inf else pace.top
    rate = max(LEAST, min(pace.rate, top) / 2)
    return replace(pace, rate=rate, top=top, tokens=min(pace.tokens, 0.0), slowed_at=now, why=why)


def share(pace: ProviderPace, wanted: int) -> int:
    """How many one visit may serve."""
    return wanted if pace.rate == inf else min(wanted, max(1, int(pace.rate * SLICE)))


def come_back(pace: ProviderPace, wanted: int, now: float) -> tuple[float, ProviderPace]:
    """In how many seconds that many are to come, one visit after the other, and what is promised then."""
    at = min(max(now + 1.0, pace.promised), now + MOST_WAIT)
    takes = share(pace, wanted) / pace.rate
    return at - now, replace(pace, promised=max(pace.promised, at + takes))


def is_complaint(outcome: Outcome) -> bool:
    """Whether a reply says: too much, too fast. Greylisting has the same codes and says: not at first sight."""
    reply = outcome.reply
    if outcome.hand_over is not HandOver.POSTPONED or reply is None:
        return False
    throttles = reply.code == 421 or reply.enhanced_code.startswith("4.7.")
    return throttles and "eylist" not in reply.text.lower() and "aylist" not in reply.text.lower()


class Gate(Protocol):
    """What a message passes on its way to a slow provider."""

    def delay(self) -> float:
        """Seconds until the next message may go, 0 for now."""
        ...

    def begin(self) -> None: ...

    def end(self) -> None: ...


def served_as(address: str) -> str:
    """The provider's name; a domain that is nobody's is its own provider."""
    name = provider_of(address)
    return address.rpartition("@")[2].lower() if name == OTHER else name


def read_limits(text: str) -> Mapping[str, Limit]:
    """By provider, domain, or `*` for each that is not named. Raises ValueError that says what would be right."""
    try:
        data = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError('must look like {"gmail": {"per_second": 20, "connections": 5}}')
    return {name.lower(): _limit(name, given) for name, given in data.items()}


def _limit(name: str, given: object) -> Limit:
    known = sorted(set(NAMES) - {OTHER, SIMULATOR})
    if name.lower() not in known and name != "*" and "." not in name:
        raise ValueError(f"{name!r} is neither a domain, nor `*`, nor one of {', '.join(known)}")
    if not isinstance(given, dict) or not given or set(given) - {"per_second", "connections"}:
        raise ValueError(f"{name}: must have `per_second`, `connections` or both")
    for field, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.01 <= value <= 1_000_000:
            raise ValueError(f"{name}: {field} must be a number from 0.01 to 1000000, not {value!r}")
    connections = given.get("connections", inf)
    if (connections != inf and connections != int(connections)) or connections < 1:
        raise ValueError(f"{name}: connections must be a whole number of 1 or more, not {connections!r}")
    if "." in name and provider_of(f"x@{name}") != OTHER:
        raise ValueError(f"{name}: is served as {provider_of(f'x@{name}')}; name that instead")
    return Limit(given.get("per_second", inf), connections)
