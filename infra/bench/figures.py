"""From many rounds to one line: medians, because one disturbance must not count, and how far the rounds lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from infra.bench.senders.job import Measured


@dataclass(frozen=True, slots=True)
class Figures:
    """rate: messages a second. spread: half the way from the slowest to the fastest round, as a share of the median.

    cpu: seconds of the sending processes per 1,000 messages. peak: MB.
    """

    rate: float
    spread: float
    cpu: float
    peak: float


def summed_up(rounds: Sequence[Measured]) -> Figures:
    rates = [one.messages / one.seconds for one in rounds]
    middle = median(rates)
    return Figures(
        rate=middle,
        spread=(max(rates) - min(rates)) / 2 / middle,
        cpu=median(one.cpu / one.messages * 1000 for one in rounds),
        peak=max(one.peak for one in rounds),
    )
