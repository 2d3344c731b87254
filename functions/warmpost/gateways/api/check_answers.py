"""The shapes of what is told before a batch is sent: forecast, preflight, and who would get it."""

from __future__ import annotations

from datetime import date, datetime

from warmpost.gateways.api.answers import Answer, Count
from warmpost.gateways.api.costs import BatchCost
from warmpost.rules.identity.preflight import Point


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


class PreflightPoint(Answer):
    """ok: null where it cannot be known. required: without it the domain is not ready; the others are advice."""

    point: str
    ok: bool | None
    required: bool
    found: str
    needed: str
    what_to_do: str | None
    rule: str


def shown_point(point: Point) -> dict[str, object]:
    return {
        "point": point.point,
        "ok": point.ok,
        "required": point.required,
        "found": point.found,
        "needed": point.needed,
        "what_to_do": point.what_to_do or None,
        "rule": point.rule,
    }


class Lack(Answer):
    to: str
    variables: list[str]


class Lacking(Answer):
    """first: up to 20 of them."""

    count: Count
    first: list[Lack]


class Checked(Answer):
    """would_be_sent: 0 while somebody lacks a variable, for then the whole batch is refused. looked_at: 200,000 of a list
    at most. suppressed: by reason. largest_mail: bytes, about. preflight: points that are not as they should be.
    """

    recipients: Count
    looked_at: Count
    would_be_sent: Count
    duplicates: Count
    invalid: Count
    suppressed: dict[str, Count]
    lacking: Lacking
    largest_mail: Count
    cost: BatchCost
    forecast: Forecast
    preflight: list[PreflightPoint]
