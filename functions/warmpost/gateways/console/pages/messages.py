"""`/messages` and `/simulator`: single sends, and the mailboxes that play every outcome."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from warmpost.errors import Invalid, Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.pages.templates import mail_page, typed_data
from warmpost.gateways.console.view import View, attempt

SCENARIOS = ("success", "bounce", "softbounce", "complaint", "unsubscribe", "deferred", "open", "click")
SETTLED = ("delivered", "bounced", "complained", "suppressed", "failed", "cancelled")


async def show_all(view: View, problem: Problem | None = None) -> Response:
    query = view.query
    asked = {name: query.get(name, "").strip() for name in ("status", "from", "to", "subject")}
    try:
        listed = await view.api.get("/send", limit=50, cursor=query.get("cursor"), **asked)
    except Problem as refusal:
        problem, listed = problem or refusal, {"items": [], "next_cursor": None}
    addresses = await view.api.maybe("/manage/addresses", limit=100)
    return view.page(
        "messages.html", problem, listed=listed, asked=asked, addresses=(addresses or {}).get("items", [])
    )


async def send(view: View) -> Response:
    async def work() -> Any:
        form = view.form
        body: dict[str, Any] = {
            "from": form.text("from"),
            "to": [one.strip() for one in form.lines("to").replace(",", "\n").split("\n") if one.strip()],
            "subject": form.text("subject"),
            "text": form.lines("text"),
        }
        return await view.api.post("/send", body, form["once"])

    return await attempt(
        view,
        work(),
        lambda made: f"/messages/{made['id']}",
        "message-sent",
        lambda problem: show_all(view, problem),
    )


async def show(view: View, id: str, problem: Problem | None = None) -> Response:
    message, content = await asyncio.gather(
        view.api.get(f"/send/{segment(id)}"), view.api.maybe(f"/send/{segment(id)}/content")
    )
    is_moving = any(one["status"] not in SETTLED for one in message["recipients"])
    template = "message_progress.html" if view.query.get("part") else "message.html"
    return view.page(template, problem, message=message, content=content, poll=3 if is_moving else 0)


async def content(view: View, id: str) -> Response:
    """As it went out, for a sandboxed frame."""
    return mail_page(view, await view.api.get(f"/send/{segment(id)}/content"))


async def control(view: View, id: str) -> Response:
    at, then = f"/send/{segment(id)}", f"/messages/{segment(id)}"
    if view.form["do"] == "resend":
        work, done = view.api.post(f"{at}/resend", {}), "message-sent"
        return await attempt(
            view, work, lambda made: f"/messages/{made['id']}", done, lambda problem: show(view, id, problem)
        )
    if view.form["do"] == "cancel":
        work, done = view.api.delete(at), "cancelled"
    else:
        again = view.form["do"] == "again"
        work, done = (
            view.api.post(f"{at}/uncertain", {"resend": again}),
            "sent-again" if again else "given-up",
        )
    return await attempt(view, work, then, done, lambda problem: show(view, id, problem))


async def simulator(view: View, problem: Problem | None = None) -> Response:
    templates, addresses, domains = await asyncio.gather(
        view.api.get("/manage/templates", limit=100),
        view.api.get("/manage/addresses", limit=100),
        view.api.get("/manage/domains", limit=100),
    )
    running = await _followed(view)
    return view.page(
        "simulator.html",
        problem,
        scenarios=SCENARIOS,
        host=view.services.policy.simulator_domain,
        templates=templates["items"],
        addresses=addresses["items"],
        domains=[one for one in domains["items"] if one["status"] == "verified"],
        message=running,
        poll=2 if running and any(one["status"] not in SETTLED for one in running["recipients"]) else 0,
    )


async def _followed(view: View) -> Any:
    id = view.query.get("message", "")
    return await view.api.maybe(f"/send/{segment(id)}") if id else None


async def simulate(view: View) -> Response:
    """One message to all the mailboxes that were ticked."""

    async def work() -> Any:
        form = view.form
        chosen = [one for one in form.all("scenario") if one in SCENARIOS]
        if not chosen:
            raise Invalid("missing_field", "Tick at least one outcome.", "scenario")
        host = view.services.policy.simulator_domain
        body: dict[str, Any] = {
            "from": form.text("from"),
            "to": [f"{one}@{host}" for one in chosen],
            "tags": {"simulated": "yes"},
            "unsubscribe": True,
        }
        if form.text("template"):
            body |= {"template": int(form["template"]), "data": typed_data(form["data"], "data")}
        else:
            body |= {
                "subject": "A trial",
                "html": '<p>A trial. <a href="https://example.com/">A link</a></p>',
            }
        return await view.api.post("/send", body, form["once"])

    return await attempt(
        view,
        work(),
        lambda made: f"/simulator?message={made['id']}",
        "",
        lambda problem: simulator(view, problem),
    )
