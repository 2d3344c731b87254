"""`/batches`: what goes out, how far it is, why it waits, and what became of everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from starlette.responses import Response

from warmpost.errors import Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.forecasts import forecast_chart
from warmpost.gateways.console.pages.domains import by_rule, newest_history
from warmpost.gateways.console.pages.templates import mail_page
from warmpost.gateways.console.view import View, attempt
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.requests.mailboxes import split_mailbox

STATUSES = (
    "delivered",
    "sent",
    "sending",
    "deferred",
    "bounced",
    "complained",
    "uncertain",
    "suppressed",
    "failed",
    "cancelled",
    "queued",
    "held",
)
"""In the order of a bar: what is settled well, then badly, then what waits."""
RUNNING = ("planning", "sending", "paused")
POLL = {"planning": 2, "sending": 2, "paused": 15}
"""Seconds between looks at a batch."""


async def show_all(view: View) -> Response:
    query = view.query
    listed = await view.api.get(
        "/batch-submit",
        limit=50,
        cursor=query.get("cursor"),
        status=query.get("status"),
        name=query.get("name", "").strip(),
    )
    return view.page("batches.html", listed=listed, statuses=STATUSES)


async def show(view: View, id: str, problem: Problem | None = None) -> Response:
    batch = await view.api.get(f"/batch-submit/{segment(id)}")
    status = view.query.get("status", "") or _worth_seeing(batch["counts"])
    recipients, forecast, found, history, template, listing = await asyncio.gather(
        *_around(view, batch, status)
    )
    return view.page(
        "batch.html",
        problem,
        **_live(batch),
        **_pictured(view, batch, forecast),
        shown_status=status,
        recipients=recipients or {"items": [], "next_cursor": None},
        domain=found,
        rules=by_rule(found["rules"], ("U",)) if found else {},
        history=history[:8],
        template=template,
        list=listing,
    )


def _around(view: View, batch: dict[str, Any], status: str) -> list[Awaitable[Any]]:
    """What stands beside the counts; without any of it the page stands."""
    at = f"/batch-submit/{batch['id']}"
    domain = f"/manage/domains/{segment(domain_of(split_mailbox(batch['from'])[1]).lower())}"
    recipients = view.api.maybe(
        f"{at}/recipients", status=status, limit=20, cursor=view.query.get("cursor"), **_searched(view)
    )
    return [
        recipients,
        view.api.maybe(f"{at}/forecast") if batch["status"] in RUNNING else _none(),
        view.api.maybe(domain),
        newest_history(view, domain),
        view.api.maybe(f"/manage/templates/{batch['template']}"),
        view.api.maybe(f"/manage/lists/{batch['list']}") if batch["list"] else _none(),
    ]


def _pictured(view: View, batch: dict[str, Any], forecast: Any) -> dict[str, Any]:
    left = batch["recipients"] - forecast["remaining"] if forecast else 0
    return {"forecast": forecast, "chart": forecast_chart(forecast, view.now, left) if forecast else None}


def _searched(view: View) -> dict[str, object]:
    address = view.query.get("address", "").strip()
    return {"address": address} if address else {}


async def _none() -> None:
    return None


def _worth_seeing(counts: dict[str, int]) -> str:
    """What somebody asks for first: who was not reached, else who was."""
    order = ("uncertain", "failed", "bounced", "complained", "deferred", "delivered", "sent", "held")
    return next((name for name in order if counts.get(name)), "")


def _live(batch: dict[str, Any]) -> dict[str, Any]:
    counts = batch["counts"]
    known = sum(counts.values())
    waiting = counts["held"] + counts["queued"] + counts["sending"]
    return {
        "batch": batch,
        "counts": [(name, counts[name]) for name in STATUSES],
        "total": max(batch["recipients"], known),
        "left": known - waiting - counts["cancelled"],
        "waiting": waiting,
        "poll": POLL.get(batch["status"], 0),
    }


async def progress(view: View, id: str) -> Response:
    """The part that moves, at the cost of one `GET /batch-submit/{id}`; where its state is another, the whole page."""
    batch = await view.api.get(f"/batch-submit/{segment(id)}")
    response = view.page("batch_progress.html", **_live(batch), shown_status=view.query.get("status", ""))
    if batch["status"] != view.query.get("was", batch["status"]):
        response.headers["HX-Refresh"] = "true"
    return response


async def control(view: View, id: str) -> Response:
    """By the name of the button that was pressed."""
    at, then = f"/batch-submit/{segment(id)}", f"/batches/{segment(id)}"
    match view.form["do"]:
        case "pause":
            work, done = view.api.post(f"{at}/pause"), "paused"
        case "resume":
            work, done = view.api.post(f"{at}/resume"), "resumed"
        case "cancel":
            work, done = view.api.post(f"{at}/cancel"), "cancelled"
        case "again":
            work, done = view.api.post(f"{at}/uncertain", _settled(view, True)), "sent-again"
        case _:
            work, done = view.api.post(f"{at}/uncertain", _settled(view, False)), "given-up"
    back = view.form["back"]
    then = back if back == "/batches" else then
    return await attempt(view, work, then, done, lambda problem: show(view, id, problem))


def _settled(view: View, resend: bool) -> dict[str, Any]:
    """For all that are uncertain, or for those that were ticked."""
    chosen = view.form.all("recipient")
    return {"resend": resend, **({"recipients": chosen} if chosen else {})}


async def mail(view: View, id: str, position: str) -> Response:
    """What one recipient got, rendered again, for a frame of its own."""
    path = f"/batch-submit/{segment(id)}/recipients/{segment(position)}/content"
    return mail_page(view, await view.api.get(path))


async def recipients_file(view: View, id: str) -> Response:
    return await view.api.download(
        f"/batch-submit/{segment(id)}/recipients", status=view.query.get("status"), format="csv"
    )
