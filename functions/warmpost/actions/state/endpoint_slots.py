"""How many attempts this process has under way at each webhook: one endpoint that is slow holds up no other's events."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

AT_ONCE = 4
"""Attempts at one endpoint."""

SLOW = 2.0
"""Seconds for an answer, from which on an endpoint gets one attempt at a time."""

SHORTEST, SOONEST, LONGEST = 0.2, 1.0, 600.0
"""Seconds: of an attempt at least; until an attempt that found no slot comes again, at least and at most."""

MOST_REMEMBERED = 1000


@dataclass(slots=True)
class _Endpoint:
    """slowest: answer of its last attempt. took: how long that attempt was. queued_until: when all that wait had a slot."""

    under_way: int = 0
    slowest: float = 0.0
    took: float = 0.0
    queued_until: float = 0.0

    @property
    def slots(self) -> int:
        return 1 if self.slowest > SLOW else AT_ONCE


class EndpointSlots:
    """Of one process. Moments are epoch seconds."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Endpoint] = OrderedDict()

    def enter(self, webhook: str, now: float) -> float:
        """0 where an attempt may begin, which `leave` has to follow; otherwise the seconds until it is its turn.

        Those that are sent away stand in line: each is given a later moment than the one before.
        """
        one = self._known.setdefault(webhook, _Endpoint())
        self._known.move_to_end(webhook)
        if one.under_way < one.slots:
            one.under_way += 1
            return 0.0
        one.queued_until = max(one.queued_until, now) + max(one.took, SHORTEST) / one.slots
        return min(max(one.queued_until - now, SOONEST), LONGEST)

    def leave(self, webhook: str, took: float, slowest: float) -> None:
        one = self._known[webhook]
        one.under_way -= 1
        one.took, one.slowest = took, slowest
        for name in [name for name, known in self._known.items() if not known.under_way]:
            if len(self._known) <= MOST_REMEMBERED:
                break
            del self._known[name]
