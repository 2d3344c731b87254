"""The shapes of a forecast's answers, for the OpenAPI document."""

from __future__ import annotations

from datetime import date, datetime

from warmpost.gateways.api.answers import Answer, Count


class ForecastDay(Answer):
    date: date
    starts_at: datetime
    level: int
    cap: int | None
    sent: Count
    failed: Count
    held_after: Count
    decisions: list[str]


class Assumption(Answer):
    """ends_at: null where no end is in sight. days: cut where they are many; days_in_all counts them."""

    ends_at: datetime | None
    days: list[ForecastDay]
    days_in_all: Count


class Assumptions(Answer):
    level_stays: Assumption
    figures_stay: Assumption
    figures_good: Assumption


class Forecast(Answer):
    remaining: Count
    assumptions: Assumptions
