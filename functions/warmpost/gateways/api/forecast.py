"""`/batch-submit/forecast` and `/batch-submit/{id}/forecast`: as JSON, or as a picture with `?format=svg`."""

from __future__ import annotations

from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.batches.forecast_batch import Days, Forecast, forecast_batch, forecast_order
from warmpost.actions.context import Services
from warmpost.actions.delivery.find import find_batch
from warmpost.errors import Invalid
from warmpost.gateways.api import check_answers
from warmpost.gateways.api.models import BatchModel, batch_order
from warmpost.gateways.http.app import Parameter, json_response, moment
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.bodies import decode, read_body
from warmpost.rules.warmup.forecast import ForecastDay

MOST_DAYS = 400
FORMAT = Parameter("format", Literal["json", "svg"], "`svg` for a picture.")
FORECAST = {200: (check_answers.Forecast, "image/svg+xml")}
TITLES = {
    "level_stays": "the level stays",
    "figures_stay": "the figures stay as they are",
    "figures_good": "the figures are good enough to rise",
}


async def post_forecast(request: Request, services: Services, caller: Caller) -> Response:
    order = batch_order(decode(await read_body(request), BatchModel))
    return _answer(request, services, await forecast_order(services, order))


async def get_forecast(request: Request, services: Services, caller: Caller, id: str) -> Response:
    return _answer(request, services, await forecast_batch(services, await find_batch(services, id)))


def _answer(request: Request, services: Services, forecast: Forecast) -> Response:
    wanted = request.query_params.get("format", "json")
    if wanted == "svg":
        return Response(_picture(services, forecast), media_type="image/svg+xml")
    if wanted != "json":
        raise Invalid("invalid_format", "A forecast comes as `json` or `svg`.", "format")
    return json_response(shown_forecast(forecast))


def shown_forecast(forecast: Forecast) -> dict[str, Any]:
    assumptions = {name: _shown(days) for name, days in forecast.days.items()}
    return {"remaining": forecast.remaining, "assumptions": assumptions}


def _shown(days: Days) -> dict[str, Any]:
    """Long forecasts are cut after MOST_DAYS; `ends_at` is null where no end is in sight."""
    finished = not days or days[-1].held_after == 0
    return {
        "ends_at": moment(days[-1].ends_at) if days and finished else None,
        "days": [_shown_day(day) for day in days[:MOST_DAYS]],
        "days_in_all": len(days),
    }


def _shown_day(day: ForecastDay) -> dict[str, Any]:
    return {
        "date": day.date.isoformat(),
        "starts_at": moment(day.starts_at),
        "level": day.level,
        "cap": day.cap,
        "sent": day.sent,
        "failed": day.failed,
        "held_after": day.held_after,
        "decisions": [decision.reason for decision in day.decisions],
    }


def _picture(services: Services, forecast: Forecast) -> bytes:
    """What is still held after each day, one line per assumption."""
    dates = sorted({day.date for days in forecast.days.values() for day in days[:MOST_DAYS]})
    series: dict[str, list[float | None]] = {}
    for name, days in forecast.days.items():
        held = {day.date: day.held_after for day in days}
        last = days[-1].date if days else None
        series[TITLES[name]] = [
            held.get(date) if last is not None and date <= last else None for date in dates
        ]
    title = f"{forecast.remaining:,} recipients: held at the end of each day"
    return services.pictures.lines(title, [date.isoformat() for date in dates], series)
