"""Whether a domain's day raises it, lowers it or blocks it, decided from counted figures and told with the reason.

All comparisons are exact: rates are fractions, never floats.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

from warmpost.rules.warmup.levels import STANDARD, Condition, Figure, LevelTable, Rule, WarmupStanding

Count = int | Fraction
"""A number of messages; forecasts reckon with parts of messages, so that assumed rates stay exact."""


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What became of the messages a domain attempted on one calendar day: real recipients only, no simulator.

    An outcome that arrives later belongs to the day of its attempt. attempted: handed to a relay or refused by one.
    delivered: reported as delivered. accepted_unreported: taken by a relay that reports nothing, and no bounce heard since.
    bounced: every final refusal, of which hard_bounced_unknown name an unknown user, and spam_bounced name spam, policy or
    reputation. tracked_delivered: delivered or accepted_unreported, of mail that counts opens; opened: recipients of
    those who opened, machine opens left out.
    """

    attempted: Count = 0
    delivered: Count = 0
    accepted_unreported: Count = 0
    bounced: Count = 0
    hard_bounced_unknown: Count = 0
    spam_bounced: Count = 0
    complained: Count = 0
    tracked_delivered: Count = 0
    opened: Count = 0

    def __add__(self, other: DayFigures) -> DayFigures:
        return DayFigures(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def scaled(self, factor: Fraction) -> DayFigures:
        return DayFigures(*(getattr(self, each.name) * factor for each in fields(self)))

    @property
    def reached(self) -> Count:
        return self.delivered + self.accepted_unreported

    @property
    def known(self) -> Count:
        return self.reached + self.bounced


@dataclass(frozen=True, slots=True)
class Reading:
    """How one condition of one rule stands: `now` and `needed` for people, `value` exactly (`None`: no denominator yet)."""

    rule: str
    condition: Figure
    now: str
    needed: str
    holds: bool
    value: Fraction | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen to a domain and why.

    rule: the first rule that holds, empty if none does. level_before, level_after: `None` for blocks. effective_on: the
    day from which it holds, `None` for at once. figures, rules, cap: what was looked at.
    """

    kind: Literal["raised", "lowered", "blocked", "kept"]
    rule: str
    reason: str
    figures: DayFigures
    rules: tuple[Rule, ...] = ()
    cap: int | None = None
    level_before: int | None = None
    level_after: int | None = None
    effective_on: date | None = None

    @property
    def changes(self) -> bool:
        return self.kind != "kept"

    @property
    def readings(self) -> tuple[Reading, ...]:
        """How far every condition of every rule that was looked at is from holding."""
        return readings(self.rules, self.figures, self.cap)


def measure(figure: Figure, figures: DayFigures, cap: int | None = None) -> Fraction | None:
    """One figure as an exact share (`volume`: as a number), `None` where there is nothing to divide by."""
    part, whole = _parts(figure, figures, cap or 0)
    return Fraction(part, whole) if whole > 0 else None


def _parts(figure: Figure, figures: DayFigures, cap: int) -> tuple[Count, Count]:
    match figure:
        case "volume":
            return figures.attempted, 1
        case "volume_of_cap":
            return figures.attempted, cap
        case "known":
            return figures.known, figures.attempted
        case "invalid":
            return figures.hard_bounced_unknown, figures.known
        case "delivered":
            return figures.reached, figures.known
        case "spam":
            return figures.spam_bounced, figures.known
        case "complaints":
            return figures.complained, figures.reached
        case "opened":
            return figures.opened, figures.tracked_delivered


def evaluate_raise(figures: DayFigures, level: int, table: LevelTable = STANDARD) -> Decision:
    """Whether the day's figures earn the next level, at once (one level; ask again with the new one)."""
    level = table.within(level)
    cap = table.cap(level)
    looked = (figures, table.raises, cap)
    if level == table.top:
        return Decision("kept", "", f"kept at {level}: the highest level", *looked, level, level)
    holding = _first_holding(table.raises, figures, cap)
    if holding is None:
        reason = f"kept at {level}: {_lacking(table.raises, figures, cap)}"
        return Decision("kept", "", reason, *looked, level, level)
    reason = f"raised {level}→{level + 1}: {_told(holding, figures, cap)}"
    return Decision("raised", holding.name, reason, *looked, level, level + 1)


def evaluate_raises(
    figures: DayFigures, level: int, table: LevelTable = STANDARD, most: int | None = None
) -> tuple[Decision, ...]:
    """Every raise the figures earn now, one level each, until no rule holds; empty if there is none. most: None for all."""
    raised: list[Decision] = []
    level = table.within(level)
    while (
        level < table.top and len(raised) != most and _first_holding(table.raises, figures, table.cap(level))
    ):
        raised.append(evaluate_raise(figures, level, table))
        level += 1
    return tuple(raised)


def evaluate_lowering(figures: DayFigures, level: int, day: date, table: LevelTable = STANDARD) -> Decision:
    """Whether the figures of `day` cost one level from the next day on; never below level 1."""
    level = table.within(level)
    looked = (figures, table.lowers, None)
    holding = _first_holding(table.lowers, figures)
    if holding is None:
        reason = f"kept at {level}: no lowering rule holds, {_totals(figures)}"
        return Decision("kept", "", reason, *looked, level, level)
    told = _told(holding, figures)
    if level == 1:
        return Decision("kept", holding.name, f"kept at 1, the lowest level: {told}", *looked, 1, 1)
    start = day + timedelta(days=1)
    reason = f"lowered {level}→{level - 1} from {start}: {told}"
    return Decision("lowered", holding.name, reason, *looked, level, level - 1, start)


def evaluate_block(figures: DayFigures, day: date, table: LevelTable = STANDARD) -> Decision:
    """Whether nothing more may be sent for the rest of `day`."""
    holding = _first_holding(table.blocks, figures)
    if holding is None:
        return Decision("kept", "", f"not blocked, {_totals(figures)}", figures, table.blocks)
    reason = f"blocked for the rest of {day}: {_told(holding, figures)}"
    return Decision("blocked", holding.name, reason, figures, table.blocks, effective_on=day)


def raise_standing(standing: WarmupStanding, figures: DayFigures) -> tuple[Decision, ...]:
    """The raises a domain has earned, none where warm-up is off."""
    if not standing.warmup:
        return ()
    return evaluate_raises(figures, standing.level, standing.rules, standing.raises_left)


def why_not_raised(standing: WarmupStanding, figures: DayFigures) -> str:
    """What keeps a domain at its level."""
    if standing.raises_left == 0:
        times = f"{standing.raised_today} level{'s' * (standing.raised_today != 1)}"
        return f"kept at {standing.level}: raised {times} today, as many as a day may"
    return evaluate_raise(figures, standing.level, standing.rules).reason


def close_day(standing: WarmupStanding, figures: DayFigures, day: date) -> Decision:
    """What a finished day costs a domain, nothing where warm-up is off."""
    if standing.warmup:
        return evaluate_lowering(figures, standing.level, day, standing.rules)
    level = standing.level
    reason = f"kept at {level}: warm-up is off"
    return Decision("kept", "", reason, figures, level_before=level, level_after=level)


def readings(rules: tuple[Rule, ...], figures: DayFigures, cap: int | None = None) -> tuple[Reading, ...]:
    """How every condition of some rules stands, for people who ask what is missing. cap: for raising rules."""
    return tuple(_reading(rule.name, each, figures, cap) for rule in rules for each in rule.conditions)


def _first_holding(rules: tuple[Rule, ...], figures: DayFigures, cap: int | None = None) -> Rule | None:
    for rule in rules:
        if all(each.holds(measure(each.figure, figures, cap)) for each in rule.conditions):
            return rule
    return None


def _reading(rule: str, condition: Condition, figures: DayFigures, cap: int | None) -> Reading:
    value = measure(condition.figure, figures, cap)
    if value is None:
        now = "unknown"
    elif condition.figure == "volume":
        now = f"{int(value):,}"
    else:
        now = percent(value, condition.limit)
    return Reading(rule, condition.figure, now, condition.needed, condition.holds(value), value)


def percent(value: Fraction, limit: Fraction) -> str:
    """A share for people, with as many digits as it takes not to look like, or beyond, the limit it is compared with."""
    digits = 1
    while True:
        shown = Fraction(round(value * 100 * 10**digits), 100 * 10**digits)
        if digits == 9 or (shown > limit) - (shown < limit) == (value > limit) - (value < limit):
            return f"{float(shown * 100):.{digits}f}".rstrip("0").rstrip(".") + " %"
        digits += 1


_LABELS: dict[Figure, str] = {
    "volume_of_cap": "sent of the daily maximum",
    "known": "outcome known",
    "spam": "spam bounces",
}


def _told(rule: Rule, figures: DayFigures, cap: int | None = None) -> str:
    """The figures by which a rule holds, in its order: `1,450 of 2,000 sent (72.5 %), invalid 0.8 %; rule U1`."""
    told = []
    for reading in readings((rule,), figures, cap):
        if reading.condition == "volume_of_cap":
            told.append(f"{int(figures.attempted):,} of {cap:,} sent ({reading.now})")
        elif reading.condition == "volume":
            told.append(f"{reading.now} sent")
        else:
            told.append(f"{_LABELS.get(reading.condition, reading.condition)} {reading.now}")
    return f"{', '.join(told)}; rule {rule.name}"


def _lacking(rules: tuple[Rule, ...], figures: DayFigures, cap: int) -> str:
    """What keeps each rule from holding: `U1 lacks delivered > 92 % (now 91 %)`."""
    told = []
    for rule in rules:
        unmet = [
            f"{_LABELS.get(reading.condition, reading.condition)} {reading.needed} (now {reading.now})"
            for reading in readings((rule,), figures, cap)
            if not reading.holds
        ]
        told.append(f"{rule.name} lacks {', '.join(unmet)}")
    return "; ".join(told) or "there is no raising rule"


def _totals(figures: DayFigures) -> str:
    return f"{int(figures.attempted):,} sent, {int(figures.known):,} with a known outcome"
