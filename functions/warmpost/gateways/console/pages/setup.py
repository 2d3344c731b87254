"""`/webhooks`, `/keys`, `/health`, `/audit` and `/erase`: what programs are told, who may call, how all fares."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from warmpost.errors import Invalid, Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.view import View, attempt

SCOPES = ("send", "manage", "read")


async def webhooks(view: View, problem: Problem | None = None, made: Any = None) -> Response:
    listed = await view.api.get("/manage/webhooks", limit=50, cursor=view.query.get("cursor"))
    return view.page("webhooks.html", problem, listed=listed, made=made)


async def create_webhook(view: View) -> Response:
    """The secret is on the page that answers, and on none after it."""
    body: dict[str, Any] = {"url": view.form.text("url"), "events": view.form.all("event")}
    if view.form.text("domain"):
        body["domain"] = view.form.text("domain")
    try:
        made = await view.api.post("/manage/webhooks", body)
    except Problem as problem:
        return await webhooks(view, problem)
    return await webhooks(view, made=made)


async def webhook(view: View, id: str, problem: Problem | None = None, **told: Any) -> Response:
    at = f"/manage/webhooks/{segment(id)}"
    found, attempts, parked = await asyncio.gather(
        view.api.get(at),
        view.api.get(f"{at}/attempts", limit=30, cursor=view.query.get("cursor")),
        view.api.get(f"{at}/parked", limit=20),
    )
    told = {"tried": None, "made": None, **told}
    return view.page("webhook.html", problem, webhook=found, attempts=attempts, parked=parked, **told)


async def change_webhook(view: View, id: str) -> Response:
    at, then = f"/manage/webhooks/{segment(id)}", f"/webhooks/{segment(id)}"

    async def again(problem: Problem) -> Response:
        return await webhook(view, id, problem)

    try:
        match view.form["do"]:
            case "test":
                return await webhook(view, id, tried=await view.api.post(f"{at}/test"))
            case "rotate":
                return await webhook(view, id, made=await view.api.post(f"{at}/rotate"))
    except Problem as problem:
        return await again(problem)
    match view.form["do"]:
        case "resend":
            work, done = view.api.post(f"{at}/resend"), "sent-again"
        case "delete":
            work, then, done = view.api.delete(at), "/webhooks", "deleted"
        case _:
            work, done = view.api.patch(at, {"enabled": view.form["do"] == "on"}), "saved"
    return await attempt(view, work, then, done, again)


async def keys(view: View, problem: Problem | None = None, made: Any = None) -> Response:
    listed = await view.api.get("/manage/keys", limit=50, cursor=view.query.get("cursor"))
    return view.page("keys.html", problem, listed=listed, made=made, scopes=SCOPES)


async def change_keys(view: View) -> Response:
    """A new key is on the page that answers, and on none after it."""
    form = view.form
    if form["do"] == "revoke":
        work = view.api.delete(f"/manage/keys/{segment(form.text('id'))}")
        return await attempt(view, work, "/keys", "revoked", lambda problem: keys(view, problem))
    domains = [one for one in form.text("domains").replace(",", " ").split() if one]
    body: dict[str, Any] = {"name": form.text("name"), "scopes": form.all("scope"), "domains": domains}
    try:
        body["rate"] = form.number("rate")
        if form.text("expires_at"):
            body["expires_at"] = f"{form.text('expires_at')}T00:00:00Z"
        made = await view.api.post("/manage/keys", body)
    except Problem as problem:
        return await keys(view, problem)
    return await keys(view, made=made)


async def health(view: View) -> Response:
    found, deployment = await asyncio.gather(
        view.api.maybe("/manage/health"), view.api.maybe("/manage/deployment")
    )
    return view.page("health.html", health=found, deployment=deployment)


async def audit(view: View) -> Response:
    listed = await view.api.get("/manage/audit", limit=50, cursor=view.query.get("cursor"))
    return view.page("audit.html", listed=listed)


async def erase(view: View, problem: Problem | None = None, erasure: Any = None) -> Response:
    id = view.query.get("erasure", "")
    if id and erasure is None:
        erasure = await view.api.get(f"/manage/erasures/{segment(id)}")
    return view.page("erase.html", problem, erasure=erasure)


async def erase_person(view: View) -> Response:
    address = view.form.text("address")
    if view.form.text("confirm").lower() != address.lower():
        return await erase(view, Invalid("invalid_field", "Type the address a second time.", "confirm"))
    return await attempt(
        view,
        view.api.delete(f"/manage/recipients/{segment(address)}"),
        lambda made: f"/erase?erasure={made['id']}" if made and "id" in made else "/erase",
        "erasing",
        lambda problem: erase(view, problem),
    )
