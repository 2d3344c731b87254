"""When a message that a relay put off is tried again, and when that ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """delays: seconds after the first, second, … try; the last one repeats. give_up: seconds after the first deferral.

    RFC 5321 section 4.5.4.1 asks for at least 30 minutes in the long run and 4 to 5 days of patience of a relay;
    ours is the relay's job, so a day at the door is enough.
    """

    delays: tuple[float, ...] = (60, 300, 900, 1800, 3600, 7200, 14400)
    give_up: float = 86400.0

    def delay(self, tries: int) -> float:
        return self.delays[min(max(tries, 1), len(self.delays)) - 1]

    def is_over(self, since: float, tries: int, now: float) -> bool:
        """Whether the next try would come after the time to give up."""
        return bool(since) and now + self.delay(tries) > since + self.give_up
