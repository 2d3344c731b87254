"""Forecast: when a batch will be out, by the rules that will decide it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from warmpost.actions.batches.submit_batch import prepare_batch
from warmpost.actions.context import Services
from warmpost.actions.warmup.day_counters import as_figures
from warmpost.actions.warmup.domain_state import read_snapshot
from warmpost.errors import Conflict
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.model.writes import Stored
from warmpost.rules.requests.requests import BatchOrder
from warmpost.rules.warmup.forecast import Assumption, DomainToday, ForecastDay, forecasts

Days = tuple[ForecastDay, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is still held, and how it leaves under each assumption."""

    remaining: int
    days: Mapping[Assumption, Days]


async def forecast_order(services: Services, order: BatchOrder) -> Forecast:
    """For a batch that is not submitted: checked as if it were, and nothing is stored."""
    _, batch, _ = await prepare_batch(services, order)
    return await forecast_recipients(services, batch.domain, order.on_block, batch.total)


async def forecast_batch(services: Services, batch: Stored[Batch]) -> Forecast:
    """For what a running batch still holds. Raises Conflict where it has ended."""
    value = batch.value
    if value.status.has_ended:
        raise Conflict(f"batch_{value.status}", f"The batch is {value.status} already.")
    return await forecast_recipients(services, value.domain, value.on_block, value.total - value.released)


async def forecast_recipients(
    services: Services, domain: str, on_block: Literal["fail", "hold"], remaining: int
) -> Forecast:
    """For so many of a domain from now on."""
    snapshot = await read_snapshot(services, domain)
    figures = as_figures(snapshot.total)
    today = DomainToday(
        standing=snapshot.standing,
        figures=figures,
        volume=snapshot.batch_allowance.volume,
        pause=snapshot.pause,
        blocked=snapshot.blocked,
        pool=snapshot.pool,
    )
    zone = ZoneInfo(services.policy.time_zone)
    days = forecasts(remaining, today, services.clock.now(), zone, on_block=on_block)
    return Forecast(remaining, days)
