"""Who asks too often: one bucket for each name, in this process alone, since functions share nothing but the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from warmpost.errors import LimitReached
from warmpost.rules.requests.token_bucket import Bucket, Rate, seconds_to_wait, take

MOST_NAMES = 10_000
"""Beyond that the one not seen for longest is forgotten: what strangers can make us remember has an end."""


class RateLimit:
    """now: epoch seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def spend(self, name: str, rate: Rate, what: str) -> None:
        """what: for the message, such as `This key may make 10 requests a second`. Raises LimitReached."""
        if not rate.is_limited:
            return
        self.check(name, rate, what)
        left = take(self._buckets.get(name), rate, self._now())
        if left is not None:
            self._buckets[name] = left
            self._buckets.move_to_end(name)
        if len(self._buckets) > MOST_NAMES:
            self._buckets.popitem(last=False)

    def check(self, name: str, rate: Rate, what: str) -> None:
        """As `spend`, but nothing is spent."""
        wait = seconds_to_wait(self._buckets.get(name), rate, self._now()) if rate.is_limited else 0
        if wait:
            raise LimitReached("rate_limited", f"{what}; try again later.", retry_after=wait)
