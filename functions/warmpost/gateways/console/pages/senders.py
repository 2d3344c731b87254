"""`/addresses`, `/levels` and `/relays`: from whom, how much, and through what."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from warmpost.errors import Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.view import View, attempt


async def addresses(view: View, problem: Problem | None = None) -> Response:
    listed, domains = await asyncio.gather(
        view.api.get("/manage/addresses", limit=50, cursor=view.query.get("cursor")),
        view.api.get("/manage/domains", limit=100),
    )
    return view.page("addresses.html", problem, listed=listed, domains=domains["items"])


async def change_addresses(view: View) -> Response:
    form = view.form
    address = form.text("address")
    at = f"/manage/addresses/{segment(address)}"
    match form["do"]:
        case "rename":
            work, done = view.api.patch(at, {"name": form.text("name")}), "saved"
        case "password":
            work, done = view.api.put(f"{at}/smtp-password", {"password": form["password"]}), "password-set"
        case "no-password":
            work, done = view.api.delete(f"{at}/smtp-password"), "removed"
        case "delete":
            work, done = view.api.delete(at), "deleted"
        case _:
            work, done = (
                view.api.post("/manage/addresses", {"address": address, "name": form.text("name")}),
                "address-created",
            )
    return await attempt(view, work, "/addresses", done, lambda problem: addresses(view, problem))


async def levels(view: View) -> Response:
    table, domains = await asyncio.gather(
        view.api.get("/manage/levels"), view.api.get("/manage/domains", limit=100)
    )
    return view.page("levels.html", table=table, domains=domains["items"])


async def relays(view: View, problem: Problem | None = None) -> Response:
    listed, health = await asyncio.gather(
        view.api.get("/manage/pools", limit=100), view.api.maybe("/manage/health")
    )
    return view.page("relays.html", problem, listed=listed, reach=(health or {}).get("relays", []))


async def change_relays(view: View) -> Response:
    async def work() -> Any:
        form = view.form
        if form["do"] == "delete":
            return await view.api.delete(f"/manage/pools/{segment(form.text('name'))}")
        relay: dict[str, Any] = {
            "host": form.text("host"),
            "port": form.number("port"),
            "security": form["security"],
        }
        relay |= {"username": form.text("username"), "password_secret": form.text("password_secret")}
        cap = form.number("relay_cap")
        return await view.api.post(
            "/manage/pools", {"name": form.text("name"), "relays": [relay], "relay_cap": cap}
        )

    return await attempt(view, work(), "/relays", "saved", lambda problem: relays(view, problem))
