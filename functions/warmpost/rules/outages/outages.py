"""A pool that takes no mail: which batches sleep until it answers, and when it is asked again.

However many chunks wait, one probe asks. A batch sleeps under a generation: whatever tasks of that generation come
meanwhile are dropped, and waking it makes them anew under the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

PROBE_DELAYS = (5.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A batch that goes to sleep. job: JSON of one of its delivery jobs, which a probe may try."""

    batch: str
    generation: int
    job: str


@dataclass(frozen=True, slots=True)
class Outage:
    """`outages/{pool}`, while there is one.

    since: epoch seconds. turn: names the chain of probes in force. job: JSON of the delivery job that the probe tries.
    asleep: the generation of each batch. waits: since when each has slept, epoch seconds.
    """

    since: float
    turn: str
    job: str
    asleep: dict[str, int]
    waits: dict[str, float]

    def knows(self, batch: str, generation: int) -> bool:
        return self.asleep.get(batch, -1) >= generation

    def with_batch(self, sleeper: Sleeper, now: float, turn: str) -> Outage:
        """A batch that is known has its tasks anew: its probe may be what was lost, so the chain begins anew, too."""
        batch = sleeper.batch
        is_known = batch in self.asleep
        return replace(
            self,
            turn=turn if is_known else self.turn,
            job=sleeper.job if is_known else self.job,
            asleep={**self.asleep, batch: sleeper.generation},
            waits={batch: now, **self.waits},
        )

    def overdue(self, now: float, patience: float) -> Mapping[str, int]:
        """Batches that have slept for longer than that many seconds: waiting for a relay has an end."""
        return {one: self.asleep[one] for one, since in self.waits.items() if now - since > patience}


def begin_outage(sleeper: Sleeper, now: float, turn: str) -> Outage:
    batch = sleeper.batch
    return Outage(now, turn, sleeper.job, {batch: sleeper.generation}, {batch: now})


def probe_delay(outage: Outage, now: float, closed_for: float) -> float:
    """Seconds until the next probe, more the longer it lasts. closed_for: what the relay's own pause still takes."""
    age = now - outage.since
    return max(next((one for one in PROBE_DELAYS if age < one * 3), PROBE_DELAYS[-1]), closed_for)
