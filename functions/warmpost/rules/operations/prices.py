"""What usage costs: list prices as a table, and the bill that follows from amounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import isfinite

from warmpost.rules.model.usage import Usage

GIB = 2**30
SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Google's public list prices without free tiers, per so much as PER says; a deployment may set its own.

    Firestore Standard edition in a multi-region (nam5, eur3; single regions cost less), Cloud Run with request-based
    billing in a tier 1 region, Cloud Tasks, internet egress by the premium tier (first TiB of a month).
    """

    currency: str = "USD"
    region: str = "Firestore nam5 or eur3, Cloud Run tier 1, premium tier egress"
    date: str = "2025-06"
    reads: float = 0.06
    writes: float = 0.18
    deletes: float = 0.02
    tasks: float = 0.40
    invocations: float = 0.40
    vcpu_seconds: float = 0.000024
    gib_seconds: float = 0.0000025
    egress: float = 0.12
    relay_egress: float = 0.12


@dataclass(frozen=True, slots=True)
class Unit:
    """amount: of `Usage`. divisor: how much of it is one of what is shown. per: of those one price is for."""

    amount: str
    divisor: int
    per: int


UNITS: Mapping[str, Unit] = {
    "reads": Unit("reads", 1, 100_000),
    "writes": Unit("writes", 1, 100_000),
    "deletes": Unit("deletes", 1, 100_000),
    "tasks": Unit("tasks", 1, 1_000_000),
    "invocations": Unit("invocations", 1, 1_000_000),
    "vcpu_seconds": Unit("vcpu_us", SECOND, 1),
    "gib_seconds": Unit("gib_us", SECOND, 1),
    "egress": Unit("egress", 1, GIB),
    "relay_egress": Unit("relay_egress", 1, GIB),
}
"""By the name of the price. Traffic is counted in bytes and priced by the GiB."""

RELAY_PARTS = frozenset({"relay_egress"})
"""What the way to the relay costs: nothing where the relay stands in the same zone, and the relay's owner's choice."""

WORDS = frozenset({"currency", "region", "date"})
MOST_WORDS = 100
STANDARD_PRICES = Prices()


@dataclass(frozen=True, slots=True)
class Item:
    """count: in the unit shown. price: for `per` of them."""

    count: int | float
    price: float
    per: int
    sum: float


@dataclass(frozen=True, slots=True)
class Bill:
    items: Mapping[str, Item]
    total: float
    without_relay: float


def bill(usage: Usage, prices: Prices) -> Bill:
    items = {name: _item(usage, name, unit, getattr(prices, name)) for name, unit in UNITS.items()}
    total = sum(item.sum for item in items.values())
    relay = sum(item.sum for name, item in items.items() if name in RELAY_PARTS)
    return Bill(items, total, total - relay)


def _item(usage: Usage, name: str, unit: Unit, price: float) -> Item:
    amount: int = getattr(usage, unit.amount)
    count = amount if unit.divisor == 1 else amount / unit.divisor
    return Item(count, price, unit.per, count / unit.per * price)


def parse_prices(text: str) -> Prices:
    """JSON of the prices that differ from the standard ones, with a `date` of their own. Raises ValueError."""
    try:
        given = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    known = [one.name for one in fields(Prices)]
    if not isinstance(given, dict):
        raise ValueError('must be an object of prices, such as {"date": "2026-11", "writes": 0.09}')
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{name[:100]}: unknown; known are {', '.join(known)}")
        if name in WORDS:
            if not isinstance(value, str) or not 0 < len(value) <= MOST_WORDS:
                raise ValueError(f"{name}: must be a text of up to {MOST_WORDS} characters, not {value!r}")
        elif not _is_price(value):
            raise ValueError(f"{name}: must be a number from 0 up, not {value!r}")
    if given.keys() - WORDS and "date" not in given:
        raise ValueError(
            "date: needed beside prices of your own: the date of your price list, such as 2026-11"
        )
    return replace(STANDARD_PRICES, **given)


def _is_price(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and isfinite(value) and value >= 0  # type: ignore[arg-type, operator]
