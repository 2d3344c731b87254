"""What a batch tells beside its counts: its domain's warm-up, and what it cost, each amount with its price and sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from warmpost.actions.statistics.costs import Spent
from warmpost.rules.model.usage import Usage
from warmpost.rules.operations.prices import Bill, Prices, bill

DIGITS = 8
MILLION = 1_000_000


class BatchWarmup(Struct, kw_only=True):
    level: int
    cap: int | None
    used_today: int


class CostItem(Struct, kw_only=True):
    """sum: count × price ÷ per. Of `vcpu_seconds` and `gib_seconds` seconds are counted, of traffic bytes."""

    count: float
    price: float
    per: int
    sum: float


class CostItems(Struct, kw_only=True):
    reads: CostItem
    writes: CostItem
    deletes: CostItem
    tasks: CostItem
    invocations: CostItem
    vcpu_seconds: CostItem
    gib_seconds: CostItem
    egress: CostItem
    relay_egress: CostItem


class CostSums(Struct, kw_only=True):
    """without_relay: without the traffic to relays."""

    total: float
    without_relay: float


class Cost(CostSums, kw_only=True):
    """prices_of: the date of the price list; region: what it holds for."""

    currency: str
    prices_of: str
    region: str
    items: CostItems


class BatchCost(Cost, kw_only=True):
    """messages: that met a relay. per_million: null without any."""

    messages: int
    per_million: CostSums | None


class PeriodCostRow(CostSums, kw_only=True):
    """The labels that rows are told apart by; the provider is none of them."""

    day: str = ""
    domain: str = ""
    batch: str = ""


class PeriodCost(Cost, kw_only=True):
    """by: empty where rows are told apart by the provider alone."""

    by: list[PeriodCostRow]


def shown_cost(usage: Usage, prices: Prices, messages: int) -> dict[str, Any]:
    """messages: that met a relay; without any there is no sum per million."""
    owed = bill(usage, prices)
    per_million = None
    if messages:
        per_million = {
            "total": _money(owed.total / messages * MILLION),
            "without_relay": _money(owed.without_relay / messages * MILLION),
        }
    return _shown(owed, prices) | {"messages": messages, "per_million": per_million}


def shown_period(spent: Sequence[Spent], prices: Prices) -> dict[str, Any]:
    """by: the total of each row, where rows are told apart by more than the provider."""
    bills = [(one.labels, bill(one.usage, prices)) for one in spent]
    rows = [{**labels, **_sums(owed)} for labels, owed in bills if labels]
    return _shown(bill(sum((one.usage for one in spent), Usage()), prices), prices) | {"by": rows}


def _shown(owed: Bill, prices: Prices) -> dict[str, Any]:
    items = {
        name: {
            "count": round(one.count, 3),
            "price": one.price,
            "per": one.per,
            "sum": _money(one.sum),
        }
        for name, one in owed.items.items()
    }
    listed = {"currency": prices.currency, "prices_of": prices.date, "region": prices.region}
    return {**listed, "items": items, **_sums(owed)}


def _sums(owed: Bill) -> dict[str, float]:
    return {"total": _money(owed.total), "without_relay": _money(owed.without_relay)}


def _money(amount: float) -> float:
    return round(amount, DIGITS)
