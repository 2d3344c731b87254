"""`/new`: a sending put together, looked at from all sides, and then sent, timed or repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from starlette.responses import Response

from warmpost.errors import Invalid, Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.forecasts import forecast_chart
from warmpost.gateways.console.pages.lists import with_header
from warmpost.gateways.console.pages.templates import send_test, typed_data
from warmpost.gateways.console.view import View, attempt
from warmpost.rules.lists.csv_import import CsvOptions, Rejected, open_csv
from warmpost.rules.model.addresses import Flaw, domain_of
from warmpost.rules.requests.mailboxes import split_mailbox

MOST_PASTED = 5000


async def show(view: View, problem: Problem | None = None, review: Any = None) -> Response:
    """review: what the check before found; then the page has its last button."""
    lists, templates, addresses, domains = await asyncio.gather(
        view.api.get("/manage/lists", limit=100),
        view.api.get("/manage/templates", limit=100),
        view.api.get("/manage/addresses", limit=100),
        view.api.get("/manage/domains", limit=100),
    )
    return view.page(
        "new.html",
        problem,
        review=review,
        lists=lists["items"],
        templates=templates["items"],
        addresses=addresses["items"],
        domains=[one for one in domains["items"] if one["status"] == "verified"],
        given=view.form if view.form.fields else view.query,
    )


async def submit(view: View) -> Response:
    """What the button that was pressed stands for: `check`, `test` or `send`."""
    try:
        order = read_order(view)
        match view.form["do"]:
            case "send":
                return await _send(view, order)
            case "test":
                return await show(
                    view, review=await _review(view, order) | {"test": await _test(view, order)}
                )
            case _:
                return await show(view, review=await _review(view, order))
    except Problem as problem:
        return await show(view, problem)


def read_order(view: View) -> dict[str, Any]:
    """The body of `POST /batch-submit`. Raises Invalid."""
    form = view.form
    order: dict[str, Any] = {"from": form.text("from"), "name": form.text("name")}
    if not form.text("template"):
        raise Invalid("missing_field", "Choose the template that is sent.", "template")
    order["template"] = int(form["template"]) if form["template"].isdigit() else form.text("template")
    if form.text("subject"):
        order["subject"] = form.text("subject")
    if form.text("data"):
        order["data"] = typed_data(form["data"], "data")
    if form["unsubscribe"] != "":
        order["unsubscribe"] = form["unsubscribe"] == "footer" or {"footer": False}
    if "tracked" in form:
        order["track"] = {"opens": form.flag("opens"), "clicks": form.flag("clicks")}
    if form["who"] == "some":
        order["recipients"] = pasted(form.lines("recipients"))
    elif form.text("list"):
        order["list"] = int(form["list"]) if form["list"].isdigit() else form.text("list")
    else:
        raise Invalid("missing_field", "Choose a list, or paste addresses.", "list")
    return order


def pasted(text: str) -> list[dict[str, Any]]:
    """Rows as of a CSV file, or addresses alone. Raises Invalid with the line."""
    if not text.strip():
        raise Invalid("missing_field", "Paste an address on each line.", "recipients")
    rows = open_csv(with_header(text).encode(), CsvOptions())
    if isinstance(rows, Flaw):
        raise Invalid("invalid_csv", f"What was pasted {rows.reason}.", "recipients")
    found: list[dict[str, Any]] = []
    for row in rows:
        if isinstance(row, Rejected):
            raise Invalid("invalid_field", f"{row.email!r}: {row.reason}.", "recipients")
        found.append({"to": row.recipient.address, "data": dict(row.recipient.data)})
    if len(found) > MOST_PASTED:
        raise Invalid(
            "invalid_field", f"Up to {MOST_PASTED:,} rows can be pasted; import a list instead.", "recipients"
        )
    return found


async def _review(view: View, order: dict[str, Any]) -> dict[str, Any]:
    """Everything that can be known before: raises the Problem that sending would meet."""
    domain = domain_of(split_mailbox(order["from"])[1]).lower()
    check, first, found = await asyncio.gather(
        view.api.post("/batch-submit/check", order),
        _first_recipient(view, order),
        view.api.maybe(f"/manage/domains/{segment(domain or 'none')}"),
    )
    chart = forecast_chart(check["forecast"], view.now) if check["forecast"] else None
    return {"count": check["would_be_sent"], "check": check, "chart": chart, "first": first, "domain": found}


async def _first_recipient(view: View, order: dict[str, Any]) -> dict[str, Any] | None:
    if "recipients" in order:
        first: dict[str, Any] = order["recipients"][0]
        return first
    rows = await view.api.get(f"/manage/lists/{segment(str(order['list']))}/recipients", limit=1)
    return rows["items"][0] if rows["items"] else None


async def _test(view: View, order: dict[str, Any]) -> str:
    """One mail to oneself, as the first recipient would get it."""
    first = await _first_recipient(view, order)
    to = view.form.text("test_to")
    if not to:
        raise Invalid("missing_field", "Say to whom the test goes.", "test_to")
    body: dict[str, Any] = {
        "to": to,
        "from": order["from"],
        "data": {**order.get("data", {}), **(first or {}).get("data", {})},
    }
    await send_test(view, str(order["template"]), body)
    return to


async def _send(view: View, order: dict[str, Any]) -> Response:
    once = view.form["once"]
    if view.form["when"] in ("at", "again"):
        body = {"batch": order, "name": order["name"], **_times(view)}
        path, work = "/schedules/{id}", view.api.post("/schedule", body, once)
        done = "scheduled"
    else:
        path, work, done = "/batches/{id}", view.api.post("/batch-submit", order, once), "batch-sent"
    return await _finish(view, work, path, done)


async def _finish(view: View, work: Awaitable[Any], path: str, done: str) -> Response:
    return await attempt(
        view, work, lambda made: path.format(id=made["id"]), done, lambda problem: show(view, problem)
    )


def _times(view: View) -> dict[str, Any]:
    form = view.form
    if not form.text("start_at"):
        raise Invalid("missing_field", "Say when it begins.", "start_at")
    times: dict[str, Any] = {"start_at": form.text("start_at")}
    times["timezone"] = form.text("timezone") or view.services.policy.time_zone
    if form["when"] == "again":
        if form.text("rrule"):
            times["rrule"] = form.text("rrule")
        else:
            times["every"] = {"day": "1d", "week": "7d"}.get(form["every"], form["every"])
        if form.text("count"):
            times["count"] = form.number("count")
        if form.text("until"):
            times["until"] = form.text("until")
    return times
