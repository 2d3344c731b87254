"""The shapes of what a batch tells beside its counts: its domain's warm-up, and what it cost."""

from __future__ import annotations

from msgspec import Struct


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
