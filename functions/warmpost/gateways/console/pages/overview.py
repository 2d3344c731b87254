"""`/`: what needs somebody, how today goes, and what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from warmpost.gateways.console.pages.domains import with_warmup
from warmpost.gateways.console.view import View
from warmpost.rules.operations.charts import spark_line, stack_columns

PERIODS = (14, 30, 90)
PICTURED = ("delivered", "sent", "bounced")
MOST_DOMAINS = 8
MOST_BATCHES = 5
RUNNING = ("planning", "sending", "paused")


async def show(view: View) -> Response:
    asked = view.query.get("days", "")
    days = int(asked) if asked in map(str, PERIODS) else PERIODS[0]
    last = date.fromisoformat(view.services.today())
    first = last - timedelta(days=days - 1)
    since = min(first, last.replace(day=1))
    figures, *around = await asyncio.gather(
        view.api.maybe("/manage/statistics", by="day", from_=since, to=last), *_around(view)
    )
    rows = days_of(figures, first, days)
    shown = _shown(*around)
    return view.page(
        "overview.html",
        days=days,
        periods=PERIODS,
        today=rows[-1],
        kpis=kpis(rows),
        chart=stack_columns([row["day"] for row in rows], [parts(row) for row in rows], PICTURED),
        rows=rows,
        month=month_of(figures, last),
        **shown | {"domains": await with_warmup(view, shown["domains"])},
    )


def month_of(figures: Any, today: date) -> dict[str, Any] | None:
    """What this month has cost and sent so far, of figures that begin with it or before."""
    if figures is None:
        return None
    first = today.replace(day=1).isoformat()
    spent = [row for row in figures["cost"]["by"] if row["day"] >= first]
    return {
        "total": sum(row["total"] for row in spent),
        "without_relay": sum(row["without_relay"] for row in spent),
        "sent": sum(row.get("sent", 0) for row in figures["items"] if row["day"] >= first),
        "currency": figures["cost"]["currency"],
        "prices_of": figures["cost"]["prices_of"],
    }


def _around(view: View) -> list[Awaitable[Any]]:
    return [
        view.api.maybe("/manage/domains", limit=MOST_DOMAINS),
        view.api.maybe("/batch-submit", limit=MOST_BATCHES),
        view.api.maybe("/schedule", limit=20),
        view.api.maybe("/manage/templates", limit=1),
        view.api.maybe("/manage/lists", limit=1),
    ]


def _shown(domains: Any, batches: Any, schedules: Any, templates: Any, lists: Any) -> dict[str, Any]:
    return {
        "domains": _items(domains),
        "running": [one for one in _items(batches) if one["status"] in RUNNING],
        "coming": [one for one in _items(schedules) if one["next_run"]][:5],
        "steps": (domains, lists, templates),
    }


def _items(listed: Any) -> list[dict[str, Any]]:
    return listed["items"] if listed else []


def days_of(figures: Any, first: date, days: int) -> list[dict[str, Any]]:
    """One row a day, with empty ones for days on which nothing was sent."""
    found = {row["day"]: row for row in (figures or {}).get("items", [])}
    names = [(first + timedelta(days=at)).isoformat() for at in range(days)]
    return [found.get(name, {"day": name, "rates": {}}) for name in names]


def parts(row: dict[str, Any]) -> dict[str, float]:
    """Of what the relay took: what was reported as delivered and as bounced, and what nothing was heard of yet."""
    delivered, bounced = row.get("delivered", 0), row.get("bounced", 0)
    return {"delivered": delivered, "bounced": bounced, "sent": max(row.get("sent", 0) - delivered, 0)}


def kpis(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Lines of the five figures, by name."""
    rates: dict[str, list[float | None]] = {
        name: [row["rates"].get(name) for row in rows]
        for name in ("delivered", "invalid", "complaints", "opened")
    }
    return {
        "sent": spark_line([row.get("sent", 0) for row in rows]),
        "delivered": spark_line(rates["delivered"], 0.8, 1.0),
        "invalid": spark_line(rates["invalid"], 0.0, 0.06),
        "complaints": spark_line(rates["complaints"], 0.0, 0.0012),
        "opened": spark_line(rates["opened"], 0.0, 1.0),
    }


async def attention(view: View) -> Response:
    """What waits for a person; asked for apart, since it asks queues, relays and the DNS how they are."""
    health, domains, webhooks = await asyncio.gather(
        view.api.maybe("/manage/health"),
        view.api.maybe("/manage/domains", limit=50),
        view.api.maybe("/manage/webhooks", limit=50),
    )
    return view.page(
        "attention.html",
        health=health,
        domains=[
            one for one in _items(domains) if one["status"] != "verified" or one["health"]["ok"] is False
        ],
        webhooks=[one for one in _items(webhooks) if one["state"] in ("failing", "disabled")],
    )
