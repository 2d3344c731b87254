"""What Warmpost wants to reach, each as a ratio of figures that were measured side by side, and what it reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from infra.bench.engines import CONNECTIONS, DELAY, NODEMAILER, ONE_CORE, PIPELINE, RSA, Course
from infra.bench.figures import Figures
from infra.bench.long import Long
from infra.bench.rounds import WORKER, Key

ROUND_TRIPS = CONNECTIONS * 1000 / DELAY
"""Messages a second where each costs one round trip and nothing else."""


@dataclass(frozen=True, slots=True)
class Goal:
    text: str
    wanted: float
    reached: float | None
    sense: Literal["≥", "≤"] = "≥"

    @property
    def is_met(self) -> bool:
        if self.reached is None:
            return False
        return self.reached >= self.wanted if self.sense == "≥" else self.reached <= self.wanted


def goals(
    figures: Mapping[Key, Figures], writes: Mapping[str, float], long: Long | None = None
) -> list[Goal]:
    """Those whose figures are there. writes: Firestore writes per 1,000 recipients, `sending` and `with events`."""
    near = Course.NEAR
    found = [
        Goal("a worker, everything stored ÷ nodemailer at its best", 4, _ratio(figures, (WORKER, near))),
        Goal("no database ÷ nodemailer at its best", 5, _ratio(figures, (PIPELINE.key, near))),
        Goal(
            "no database on one core ÷ the core's RSA limit",
            0.85,
            _ratio(figures, (ONE_CORE.key, near), (RSA.key, near)),
        ),
    ]
    for key, name in ((PIPELINE.key, "no database"), (WORKER, "a worker")):
        if far := figures.get((key, Course.FAR)):
            text = f"{DELAY:.0f} ms, {CONNECTIONS} connections: {name} ÷ a round trip each"
            found.append(Goal(text, 0.85, far.rate / ROUND_TRIPS))
    found += _goals_of_size(writes, long)
    return [one for one in found if one.reached is not None]


def _goals_of_size(writes: Mapping[str, float], long: Long | None) -> list[Goal]:
    """What must not grow with what is sent."""
    found = [
        Goal("Firestore writes per 1,000 recipients, sending", 25, writes.get("sending"), "≤"),
        Goal(
            "the same with delivered and opened events applied, 500 a request",
            60,
            writes.get("with events"),
            "≤",
        ),
    ]
    if long is not None:
        found += [
            Goal("peak memory after 200,000 recipients ÷ after 20,000", 1.2, long.growth, "≤"),
            Goal("1,000,000 recipients from CSV ÷ raw writes of the same documents", 10, long.times_raw, "≤"),
        ]
    return found


def _ratio(
    figures: Mapping[Key, Figures], ours: Key, theirs: Key = (NODEMAILER.key, Course.NEAR)
) -> float | None:
    if ours not in figures or theirs not in figures:
        return None
    return figures[ours].rate / figures[theirs].rate
