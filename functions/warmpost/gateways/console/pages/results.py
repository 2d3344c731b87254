"""`/statistics`, `/recipients` and `/suppressions`: what became of it all, and of one person's mail."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from warmpost.errors import Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.pages.lists import with_header
from warmpost.gateways.console.pages.overview import PICTURED, days_of, parts
from warmpost.gateways.console.view import View, attempt
from warmpost.rules.operations.charts import stack_columns

GROUPS = ("day", "domain", "provider", "batch")
FILTERS = ("domain", "provider", "batch")


async def statistics(view: View) -> Response:
    query = view.query
    asked: dict[str, Any] = {name: query.get(name, "").strip() for name in FILTERS}
    by = query.get("by", "day") if query.get("by", "day") in GROUPS else "day"
    period = {"from": query.get("from", ""), "to": query.get("to", "")}
    if not period["from"] and not period["to"]:
        last = date.fromisoformat(view.services.today())
        period = {"from": (last - timedelta(days=29)).isoformat(), "to": last.isoformat()}
    try:
        found = await view.api.get("/manage/statistics", by=by, **period, **asked)
        is_daily = by == "day"
        daily = found if is_daily else await view.api.get("/manage/statistics", by="day", **period, **asked)
    except Problem as problem:
        return view.page(
            "statistics.html", problem, found=None, by=by, asked=asked, period=period, groups=GROUPS
        )
    first, last = date.fromisoformat(found["from"]), date.fromisoformat(found["to"])
    rows = days_of(daily, first, (last - first).days + 1)
    return view.page(
        "statistics.html",
        found=found,
        by=by,
        asked=asked,
        period=period,
        groups=GROUPS,
        rows=rows,
        chart=stack_columns([row["day"] for row in rows], [parts(row) for row in rows], PICTURED),
        file=urlencode({**period, **{name: value for name, value in asked.items() if value}, "by": by}),
    )


async def statistics_file(view: View) -> Response:
    asked = {name: view.query.get(name) for name in ("by", "from", "to", *FILTERS)}
    response = await view.api.download("/manage/statistics", format="csv", **asked)
    response.headers["Content-Disposition"] = 'attachment; filename="statistics.csv"'
    return response


async def find(view: View, problem: Problem | None = None) -> Response:
    """A recipient by address; a message or batch by its id leads to its page."""
    wanted = view.query.get("q", "").strip()
    if not wanted:
        return view.page("find.html", problem, q="", found=None, suppression=None)
    if "@" not in wanted:
        return await _by_id(view, wanted)
    try:
        found, suppression = await asyncio.gather(
            view.api.get(f"/manage/recipients/{segment(wanted)}", limit=50, cursor=view.query.get("cursor")),
            view.api.maybe(f"/manage/suppressions/{segment(wanted)}"),
        )
    except Problem as refusal:
        return view.page("find.html", problem or refusal, q=wanted, found=None, suppression=None)
    return view.page("find.html", problem, q=wanted, found=found, suppression=suppression)


async def _by_id(view: View, wanted: str) -> Response:
    number = wanted.lstrip("#")
    if number.isdigit() and await view.api.maybe(f"/batch-submit/{number}"):
        return view.go(f"/batches/{number}")
    if await view.api.maybe(f"/send/{segment(wanted)}"):
        return view.go(f"/messages/{segment(wanted)}")
    named = await view.api.maybe("/batch-submit", name=wanted, limit=1)
    if named and named["items"]:
        return view.go(f"/batches?{urlencode({'name': wanted})}")
    return view.page("find.html", None, q=wanted, found=None, suppression=None)


async def suppressions(view: View, problem: Problem | None = None, imported: Any = None) -> Response:
    reason = view.query.get("reason", "")
    listed = await view.api.get(
        "/manage/suppressions", limit=50, cursor=view.query.get("cursor"), reason=reason
    )
    return view.page("suppressions.html", problem, listed=listed, reason=reason, imported=imported)


async def change_suppressions(view: View) -> Response:
    form = view.form
    address = form.text("address")
    back = form["back"] if form["back"].startswith("/recipients?") else "/suppressions"
    if form["do"] == "lift":
        work, done = (
            view.api.delete(f"/manage/suppressions/{segment(address)}", note=form.text("note")),
            "lifted",
        )
    elif form["do"] == "import":
        return await _import(view)
    else:
        body = {"address": address, "note": form.text("note"), "domain": form.text("domain") or None}
        work, done = view.api.post("/manage/suppressions", body), "suppressed"
    return await attempt(view, work, back, done, lambda problem: suppressions(view, problem))


async def _import(view: View) -> Response:
    try:
        done = await view.api.upload("/manage/suppressions", with_header(view.form.lines("rows")).encode())
    except Problem as problem:
        return await suppressions(view, problem)
    return await suppressions(view, imported=done)


async def suppressions_file(view: View) -> Response:
    return await view.api.download("/manage/suppressions", format="csv", reason=view.query.get("reason"))
