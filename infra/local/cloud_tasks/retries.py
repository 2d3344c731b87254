"""When a failed task is tried again, as RetryConfig of the Cloud Tasks API describes it."""

from __future__ import annotations

from dataclasses import dataclass

RETENTION = 31 * 86400.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The numbers of a RetryConfig. Durations in seconds; max_attempts -1 and max_retry_duration 0: no limit."""

    max_attempts: int = 100
    max_retry_duration: float = 0.0
    min_backoff: float = 0.1
    max_backoff: float = 3600.0
    max_doublings: int = 16

    def interval(self, attempts: int) -> float:
        """Seconds between failed attempt number `attempts` (from 1) and the next one.

        Doubles max_doublings times, then grows linearly, then stays at max_backoff.
        """
        retry = attempts - 1
        if retry <= self.max_doublings:
            grown = self.min_backoff * 2.0 ** min(retry, 64)
        else:
            grown = self.min_backoff * 2.0 ** min(self.max_doublings, 64) * (retry - self.max_doublings + 1)
        return min(self.max_backoff, grown)

    def gives_up(self, attempts: int, first_attempt: float, created: float, now: float) -> bool:
        """A task ends unfinished when attempts and duration are both used up, or its retention has passed."""
        if now - created >= RETENTION:
            return True
        if self.max_attempts <= 0 and self.max_retry_duration <= 0:
            return False
        attempts_used_up = self.max_attempts <= 0 or attempts >= self.max_attempts
        duration_used_up = self.max_retry_duration <= 0 or now - first_attempt >= self.max_retry_duration
        return attempts_used_up and duration_used_up
