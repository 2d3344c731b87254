"""What a sender domain may send per day at each reputation level, and the rules that move it, as data.

The standard table is that of Tencent Cloud SES (international documentation, product 1084, document 48864). A
deployment or one domain may carry its own, written as JSON in the same words:

    {"caps": [500, 1000, 2000],
     "raise": {"U1": {"volume_of_cap": ">= 70 %", "invalid": "< 5 %", "delivered": "> 92 %"}},
     "lower": {"D1": {"volume": "> 300", "invalid": "> 9 %"}},
     "block": {"B1": {"volume": "> 300", "invalid": "> 11 %"}}}

A part left out keeps its standard. All conditions of a rule must hold; one rule is enough.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Literal, cast, get_args

Figure = Literal["volume", "volume_of_cap", "known", "invalid", "delivered", "spam", "complaints", "opened"]
Comparison = Literal[">=", "<=", ">", "<"]

MOST_LEVELS = 100
MOST_A_DAY = 1_000_000_000
_CONDITION = re.compile(r"(>=|<=|≥|≤|>|<)\s*(\d{1,9}(?:\.\d{1,6})?)\s*(%?)", re.ASCII)
_RULE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_SPELLED: Mapping[str, Comparison] = {"≥": ">=", "≤": "<="}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. limit: a share (1/20 for 5 %), for `volume` a number of messages."""

    figure: Figure
    comparison: Comparison
    limit: Fraction

    def holds(self, value: Fraction | None) -> bool:
        """Compare exactly; a rate that has no denominator yet (`None`) satisfies nothing."""
        if value is None:
            return False
        if self.comparison == ">=":
            return value >= self.limit
        if self.comparison == "<=":
            return value <= self.limit
        return value > self.limit if self.comparison == ">" else value < self.limit

    @property
    def needed(self) -> str:
        if self.figure == "volume":
            return f"{self.comparison} {_decimal(self.limit)}"
        return f"{self.comparison} {_decimal(self.limit * 100)} %"


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class LevelTable:
    """caps[0] is level 1's daily maximum. raises, lowers, blocks: any one rule is enough.

    raises_per_day: levels that one day can raise, None for as many as it earns; where no relay reports, one.
    """

    caps: tuple[int, ...]
    raises: tuple[Rule, ...]
    lowers: tuple[Rule, ...]
    blocks: tuple[Rule, ...]
    raises_per_day: int | None = None

    @property
    def top(self) -> int:
        return len(self.caps)

    def within(self, level: int) -> int:
        """The nearest level this table has, for a level stored under another table."""
        return min(max(level, 1), self.top)

    def cap(self, level: int) -> int:
        return self.caps[self.within(level) - 1]


@dataclass(frozen=True, slots=True)
class WarmupStanding:
    """How much trust a domain has, and what an operator set by hand.

    cap_by_hand: holds instead of the level's; the level still moves by its own maximum. warmup False: already warm, so
    no cap and no moves between levels; blocks stay in force. reserve: the share of the cap that batches do not touch.
    raises_per_day, raised_today: levels that a day can raise, None for any number, and has raised so far.
    """

    level: int = 1
    table: LevelTable | None = None
    cap_by_hand: int | None = None
    warmup: bool = True
    reserve: float = 0.0
    raises_per_day: int | None = None
    raised_today: int = 0

    @property
    def batch_cap(self) -> int | None:
        """What of the cap batches may use."""
        return None if self.cap is None else self.cap - ceil(self.cap * self.reserve)

    @property
    def raises_left(self) -> int | None:
        return None if self.raises_per_day is None else max(self.raises_per_day - self.raised_today, 0)

    @property
    def rules(self) -> LevelTable:
        return self.table or STANDARD

    @property
    def cap(self) -> int | None:
        """Messages per calendar day, `None` for no limit."""
        if not self.warmup:
            return None
        return self.rules.cap(self.level) if self.cap_by_hand is None else self.cap_by_hand


def parse_table(text: str) -> LevelTable:
    """Read a table written as JSON (see the module), so that a deployment can set its own.

    A raising rule that says nothing of `known` gets the standard's: outcomes of half of what was attempted.
    Raises ValueError, naming the place and what would be right there.
    """
    try:
        data = json.loads(text, object_pairs_hook=_without_repeats)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"level table: not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError("level table: must be an object with caps, raise, lower, block")
    unknown = set(data) - {"caps", "raise", "lower", "block", "raises_per_day"}
    if unknown:
        raise ValueError(
            f"level table: {min(unknown)}: unknown; known are caps, raise, lower, block, raises_per_day"
        )
    return LevelTable(
        caps=_caps(data["caps"]) if "caps" in data else STANDARD.caps,
        raises=_rules("raise", data["raise"]) if "raise" in data else STANDARD.raises,
        lowers=_rules("lower", data["lower"]) if "lower" in data else STANDARD.lowers,
        blocks=_rules("block", data["block"]) if "block" in data else STANDARD.blocks,
        raises_per_day=_raises_per_day(data.get("raises_per_day")),
    )


def _raises_per_day(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_LEVELS:
        raise ValueError(
            f"level table: raises_per_day: must be a whole number from 1 to {MOST_LEVELS}, or null"
        )
    return value


def describe_table(table: LevelTable) -> dict[str, object]:
    """The table in the words `parse_table` reads, to be shown, copied and edited."""
    return {
        "caps": list(table.caps),
        "raise": _described(table.raises),
        "lower": _described(table.lowers),
        "block": _described(table.blocks),
        **({"raises_per_day": table.raises_per_day} if table.raises_per_day else {}),
    }


def _described(rules: tuple[Rule, ...]) -> dict[str, dict[str, str]]:
    return {rule.name: {each.figure: each.needed for each in rule.conditions} for rule in rules}


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"level table: {name}: given twice")
    return dict(pairs)


def _caps(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_LEVELS:
        raise ValueError(
            f"level table: caps: must be a list of 1 to {MOST_LEVELS} daily maxima, level 1 first"
        )
    for index, cap in enumerate(value):
        if isinstance(cap, bool) or not isinstance(cap, int) or not 1 <= cap <= MOST_A_DAY:
            raise ValueError(
                f"level table: caps[{index}]: must be a whole number of messages from 1 to {MOST_A_DAY:,}"
            )
        if index and cap <= value[index - 1]:
            raise ValueError(f"level table: caps[{index}]: must be more than the level below has")
    return tuple(value)


def _rules(part: str, value: object) -> tuple[Rule, ...]:
    if not isinstance(value, dict):
        raise ValueError(f"level table: {part}: must be an object of rules, such as {{'U1': {{…}}}}")
    return tuple(_rule(part, name, conditions) for name, conditions in value.items())


def _rule(part: str, name: str, value: object) -> Rule:
    where = f"level table: {part}.{name}"
    if not _RULE_NAME.fullmatch(name):
        raise ValueError(f"{where}: a rule's name is a letter, then up to 31 letters, digits, - or _")
    if not isinstance(value, dict):
        raise ValueError(f"{where}: must be an object of conditions, such as {{'delivered': '> 92 %'}}")
    conditions = [_condition(f"{where}.{figure}", figure, text) for figure, text in value.items()]
    if part == "raise":
        if "volume_of_cap" not in value:
            raise ValueError(f"{where}: needs volume_of_cap, or nothing would stop the rise")
        if "known" not in value:
            conditions.insert(1, _KNOWN)
    else:
        if "volume_of_cap" in value:
            raise ValueError(f"{where}.volume_of_cap: only raising rules look at the cap; use volume")
        if not set(value) - {"volume"}:
            raise ValueError(f"{where}: needs a condition on a rate, or volume alone would punish")
    return Rule(name, tuple(conditions))


def _condition(where: str, figure: str, text: object) -> Condition:
    if figure not in get_args(Figure):
        raise ValueError(f"{where}: unknown figure; known are {', '.join(get_args(Figure))}")
    example = "'> 300'" if figure == "volume" else "'> 92 %'"
    match = _CONDITION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or (match[3] == "%") == (figure == "volume"):
        raise ValueError(f"{where}: must be a comparison such as {example}")
    sign = _SPELLED.get(match[1], cast(Comparison, match[1]))
    limit = Fraction(match[2])
    return Condition(cast(Figure, figure), sign, limit / 100 if match[3] else limit)


def _decimal(value: Fraction) -> str:
    return f"{float(value):.9f}".rstrip("0").rstrip(".")


_CAPS = (
    *(500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000),
    *(150_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000, 1_000_000),
)
_RULES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "raise": {
        "U1": {
            "volume_of_cap": ">= 70 %",
            "known": ">= 50 %",
            "invalid": "< 5 %",
            "delivered": "> 92 %",
            "spam": "< 2.5 %",
            "complaints": "< 0.1 %",
        },
        "U2": {
            "volume_of_cap": ">= 70 %",
            "known": ">= 50 %",
            "delivered": "> 90 %",
            "complaints": "< 0.1 %",
            "opened": "> 50 %",
        },
    },
    "lower": {
        "D1": {"volume": "> 300", "invalid": "> 9 %"},
        "D2": {"volume": "> 300", "delivered": "< 65 %"},
        "D3": {"volume": "> 300", "spam": "> 5 %"},
        "D4": {"volume": "> 300", "complaints": "> 0.5 %"},
    },
    "block": {
        "B1": {"volume": "> 300", "invalid": "> 11 %"},
        "B2": {"volume": "> 300", "spam": "> 15 %"},
    },
}
_KNOWN = Condition("known", ">=", Fraction(1, 2))
STANDARD = LevelTable(
    _CAPS,
    _rules("raise", _RULES["raise"]),
    _rules("lower", _RULES["lower"]),
    _rules("block", _RULES["block"]),
)
