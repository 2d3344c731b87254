"""Whether messages of a parcel can leave at this moment, and what those are told that cannot.

While every relay of the pool is left alone, nothing is claimed and nothing written: a chunk that waits costs a few reads,
however long an outage lasts. One chunk at a time tries, when a relay's pause is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from warmpost.rules.envelope import HandOver, Outcome
from warmpost.rules.outcomes import MOST_TEXT
from warmpost.rules.progress import Progress
from warmpost.rules.simulator import simulate
from warmpost.sending.follow_ups import stall_delay
from warmpost.sending.journal import tell
from warmpost.sending.parcels import Parcel
from warmpost.sending.ports import Services


class WayOut:
    """stalled: why no relay takes mail, empty while one does or nobody has asked."""

    def __init__(self, services: Services, parcel: Parcel) -> None:
        self._services = services
        self._parcel = parcel
        self._asked = False
        self._closed_for = 0.0
        self.stalled = ""

    def is_open(self, positions: Iterable[int]) -> bool:
        """Whether these may be claimed. Simulated recipients need no relay."""
        closed = self._services.relays.closed(self._parcel.pool)
        if closed is None or not any(map(self._needs_relay, positions)):
            return True
        self._asked, self.stalled, self._closed_for = True, closed.reason, closed.seconds
        return False

    def _needs_relay(self, position: int) -> bool:
        address = self._parcel.recipients[position].address
        return simulate(address, self._services.policy.simulator_domain) is None

    def heard(self, outcomes: Mapping[int, Outcome]) -> None:
        """What became of a stride's messages."""
        if not outcomes or self._services.desk.is_closing:
            return
        self._asked = True
        if all(one.hand_over is HandOver.NOT_TRIED for one in outcomes.values()):
            self.stalled = next(iter(outcomes.values())).reason
            words = f"nobody takes mail of {self._parcel.errand.path}: {self.stalled}"
            tell("relay_unreachable", words, pool=self._parcel.pool.name, recipients=len(outcomes))

    def marked(self, progress: Progress, now: float) -> Progress:
        """With since when nobody takes mail and why, or without it once somebody does."""
        if not self._asked:
            return progress
        if not self.stalled:
            return replace(progress, stalled_since=0.0, stalled_reason="")
        since = progress.stalled_since or now
        return replace(progress, stalled_since=since, stalled_reason=self.stalled[:MOST_TEXT])

    def delay(self, progress: Progress, now: float) -> float:
        """Seconds until those who are left come again."""
        return max(stall_delay(progress, now), self._closed_for) if self.stalled else 0.0
