"""`/manage/statistics`: figures of a period as JSON, CSV or a picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.statistics.costs import period_usage
from warmpost.actions.statistics.statistics import (
    GRAINS,
    Booked,
    GroupBy,
    Row,
    StatisticsQuery,
    add_up,
    add_up_links,
    read_booked,
    read_links,
    tags_of,
)
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import Answer
from warmpost.gateways.api.costs import PeriodCost, shown_period
from warmpost.gateways.http.app import Parameter, Route, json_response
from warmpost.gateways.http.csv_files import csv_lines
from warmpost.gateways.http.parameters import USUAL_DAYS, read_day
from warmpost.rules.delivery.mailbox_providers import NAMES
from warmpost.rules.lists.csv_import import harmless

PICTURED = ("sent", "delivered", "bounced", "opened", "clicked")


class Period(Answer):
    """items: one per combination of `by`: its labels, its figures by name, and `rates` (null without a denominator)."""

    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    by: list[GroupBy]
    items: list[dict[str, Any]]
    cost: PeriodCost


async def get(request: Request, services: Services) -> Response:
    question = _question(request, date.fromisoformat(services.today()))
    wanted = request.query_params.get("format", "json")
    if wanted not in ("json", "csv", "svg"):
        raise Invalid("invalid_format", "Statistics come as `json`, `csv` or `svg`.", "format")
    found = await read_booked(services, question)
    rows = await _rows(services, question, found)
    if wanted == "csv":
        return Response(_as_csv(question.grains, rows), media_type="text/csv; charset=utf-8")
    if wanted == "svg":
        return Response(_as_picture(services, question, rows), media_type="image/svg+xml")
    period = {"from": question.first.isoformat(), "to": question.last.isoformat()}
    items = [{**row.labels, **row.figures, "rates": row.rates} for row in rows]
    spent = await period_usage(services, question, found, question.grains)
    cost = shown_period(spent, services.policy.prices)
    return json_response({**period, "by": question.grains, "items": items, "cost": cost})


async def _rows(services: Services, question: StatisticsQuery, found: Sequence[Booked]) -> list[Row]:
    if "link" in question.grains:
        return add_up_links(question, await read_links(services, question))
    if "tag" in question.grains:
        return add_up(question, found, await tags_of(services, found))
    return add_up(question, found)


def _question(request: Request, today: date) -> StatisticsQuery:
    given = request.query_params
    last = read_day(given.get("to"), "to", today)
    first = read_day(given.get("from"), "from", last - timedelta(days=USUAL_DAYS - 1))
    provider = given.get("provider", "")
    if provider and provider not in NAMES:
        raise Invalid("invalid_provider", f"A provider is one of {', '.join(NAMES)}.", "provider")
    grains: list[GroupBy] = []
    for name in given.get("by", "day").split(","):
        if name not in GRAINS:
            raise Invalid("invalid_by", f"Rows are told apart by {', '.join(GRAINS)}.", "by")
        grains.append(name)
    if "link" in grains and {"provider", "tag"} & {*grains, *(("provider",) if provider else ())}:
        raise Invalid("invalid_by", "Links are told apart by day, domain and batch alone.", "by")
    return StatisticsQuery(
        first,
        last,
        tuple(dict.fromkeys(grains)),
        given.get("domain", "").lower(),
        provider,
        given.get("batch", ""),
    )


def _as_csv(grains: Sequence[str], rows: Sequence[Row]) -> str:
    names = sorted({name for row in rows for name in row.figures})
    cells = [
        [*map(harmless, row.labels.values()), *(row.figures.get(name, 0) for name in names)] for row in rows
    ]
    return csv_lines([[*grains, *names], *cells])


def _as_picture(services: Services, question: StatisticsQuery, rows: Sequence[Row]) -> bytes:
    """One line per figure over the days, whatever else rows are told apart by."""
    if question.grains != ("day",):
        raise Invalid("invalid_by", "A picture is drawn by day.", "by")
    by_day = {row.labels["day"]: row.figures for row in rows}
    days = [
        (question.first + timedelta(days=n)).isoformat()
        for n in range((question.last - question.first).days + 1)
    ]
    series = {name: [float(by_day.get(day, {}).get(name, 0)) for day in days] for name in PICTURED}
    return services.pictures.lines(f"{days[0]} to {days[-1]}", days, series)


PARAMETERS = (
    Parameter("from", date, "First day; 30 days up to `to` if not said."),
    Parameter("to", date, "Last day; today if not said."),
    Parameter("domain"),
    Parameter("provider", Literal[NAMES]),
    Parameter("batch"),
    Parameter(
        "by", str, "`day`, `domain`, `provider`, `batch`, `tag`, `link`, or several with commas between."
    ),
    Parameter("format", Literal["json", "csv", "svg"]),
)
ROUTES = [
    Route(
        "GET",
        "/statistics",
        get,
        "Figures of a period",
        scope="read",
        answers={200: (Period, "text/csv", "image/svg+xml")},
        parameters=PARAMETERS,
    )
]
