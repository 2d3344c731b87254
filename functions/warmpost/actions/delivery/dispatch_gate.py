"""Whether and how fast messages of a delivery can leave at this moment, and what those are told that cannot.

While every relay of the pool is left alone, nothing is claimed and nothing written: a chunk that waits costs a few reads,
however long an outage lasts. Only chunks that have their turn try, when a relay's pause is over.

Recipients of a slow mailbox provider are not claimed before their time either: a chunk serves the others first, then a
few seconds' worth of those, and comes again for the rest when it is its turn. Single sends wait for no provider.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery
from warmpost.actions.delivery.requeue import stall_delay
from warmpost.actions.state.throttle import OPEN, ProviderGate
from warmpost.actions.storage.log import log_event
from warmpost.rules.delivery.envelope import STOPPED, HandOver, Outcome
from warmpost.rules.delivery.outcomes import MOST_TEXT
from warmpost.rules.delivery.progress import Progress
from warmpost.rules.delivery.simulator import simulate
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.delivery.throttling import Gate, share


class DispatchGate:
    """stalled: why no relay takes mail, empty while one does or nobody has asked. stalled_since: as far as the batch
    has slept for it, else 0.
    """

    def __init__(self, services: Services, delivery: ChunkDelivery) -> None:
        self._services = services
        self._delivery = delivery
        self._asked = self._left_some = False
        self._closed_for = self.stalled_since = 0.0
        self.stalled = ""
        self._slow = ""

    def is_open(self, positions: Iterable[int]) -> bool:
        """Whether these may be claimed. Simulated recipients need no relay."""
        closed = self._services.relays.closed(self._delivery.pool)
        if closed is None or not any(map(self._needs_relay, positions)):
            return True
        self._asked, self.stalled, self._closed_for = True, closed.reason, closed.seconds
        return False

    def _needs_relay(self, position: int) -> bool:
        address = self._delivery.recipients[position].address
        return simulate(address, self._services.policy.simulator_domain) is None

    def _gate(self, position: int) -> ProviderGate | None:
        if self._delivery.job.message:
            return None
        address = self._delivery.recipients[position].address
        gate = self._services.throttle.gate(self._delivery.pool.name, address)
        return gate if gate and self._needs_relay(position) else None

    def gates(self, positions: Iterable[int]) -> list[Gate]:
        return [self._gate(position) or OPEN for position in positions]

    def divided(self, positions: Sequence[int]) -> tuple[list[int], list[int]]:
        """Those to be served at once, and those for now of slow providers; who is in neither comes again."""
        quick: list[int] = []
        slow: dict[ProviderGate, list[int]] = {}
        for position in positions:
            gate = self._gate(position)
            (quick if gate is None else slow.setdefault(gate, [])).append(position)
        return quick, [one for gate, some in slow.items() for one in some[: share(gate.pace, len(some))]]

    def heard(self, outcomes: Mapping[int, Outcome], seconds: float, *, slowly: bool) -> None:
        """What became of a claim batch's messages. seconds: how long it took. slowly: at their providers' pace."""
        recipients, pool = self._delivery.recipients, self._delivery.pool.name
        answers = ((recipients[position].address, one) for position, one in outcomes.items())
        self._services.throttle.heard(pool, answers, seconds)
        if not outcomes or self._services.worker_slots.is_closing:
            return
        stopped = [one.reason == STOPPED for one in outcomes.values()]
        if all(stopped):  # out of time before anybody was asked, which says nothing of the relay
            return
        self._asked = True
        if slowly and any(stopped):
            return
        if not all(one.hand_over is HandOver.NOT_TRIED for one in outcomes.values()):
            self._left_some = True
        else:
            self.stalled = next(iter(outcomes.values())).reason
            words = f"nobody takes mail of {self._delivery.job.path}: {self.stalled}"
            log_event("relay_unreachable", words, pool=self._delivery.pool.name, recipients=len(outcomes))

    def marked(self, progress: Progress, now: float) -> Progress:
        """With since when nobody takes mail and why, or without it once somebody does.

        A relay that breaks off now and then takes mail in between: what it took last ends the wait before.
        """
        slow = next((gate.words for gate in map(self._gate, self._left(progress)) if gate), "")
        if bool(slow) != bool(progress.slowed):
            progress = replace(progress, slowed=slow[:MOST_TEXT])
        if not self._asked:
            return progress
        if not self.stalled:
            return replace(progress, stalled_since=0.0, stalled_reason="")
        since = now if self._left_some else progress.stalled_since or self.stalled_since or now
        return replace(progress, stalled_since=since, stalled_reason=self.stalled[:MOST_TEXT])

    def delay(self, progress: Progress, now: float, waiting: Iterable[int]) -> float:
        """Seconds until those who wait come again: for a relay, or as soon as one's provider has time for them."""
        if self.stalled:
            return max(stall_delay(progress, now), self._closed_for)
        left: dict[ProviderGate | None, int] = Counter(map(self._gate, waiting))
        if None in left:
            return 0.0
        return min((gate.come_back(count) for gate, count in left.items() if gate), default=0.0)

    def _left(self, progress: Progress) -> list[int]:
        return [one for one in progress.positions(Status.QUEUED) if one in self._delivery.stretch]
