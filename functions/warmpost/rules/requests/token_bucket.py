"""How often somebody may do something: a token bucket, that a burst passes and a flood does not."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """a_second: how many tokens come back, 0 for no limit at all. burst: how many there are at most."""

    a_second: float
    burst: float

    @property
    def is_limited(self) -> bool:
        return self.a_second > 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """level: tokens there were at `at` (epoch seconds)."""

    level: float
    at: float


def fill(bucket: Bucket | None, rate: Rate, now: float) -> Bucket:
    """As it is now; a new one is full. A clock that was set back fills nothing."""
    if bucket is None:
        return Bucket(rate.burst, now)
    come_back = max(now - bucket.at, 0.0) * rate.a_second
    return Bucket(min(bucket.level + come_back, rate.burst), now)


def take(bucket: Bucket | None, rate: Rate, now: float) -> Bucket | None:
    """One token less, None where there is none."""
    filled = fill(bucket, rate, now)
    return Bucket(filled.level - 1, now) if filled.level >= 1 else None


def seconds_to_wait(bucket: Bucket | None, rate: Rate, now: float) -> int:
    """Whole seconds until there is a token again, 0 where there is one."""
    missing = 1 - fill(bucket, rate, now).level
    return max(math.ceil(missing / rate.a_second), 1) if missing > 0 else 0
