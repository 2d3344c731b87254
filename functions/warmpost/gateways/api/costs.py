"""Costs as they are shown: each amount with its price and sum, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warmpost.actions.statistics.costs import Spent
from warmpost.rules.model.usage import Usage
from warmpost.rules.operations.prices import Bill, Prices, bill

DIGITS = 8
MILLION = 1_000_000


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
