"""`/schedules`: what goes out by itself: when next, how the runs before went."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from warmpost.errors import Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.view import View, attempt


async def show_all(view: View) -> Response:
    listed = await view.api.get("/schedule", limit=50, cursor=view.query.get("cursor"))
    return view.page("schedules.html", listed=listed)


async def show(view: View, id: str, problem: Problem | None = None) -> Response:
    at = f"/schedule/{segment(id)}"
    schedule, runs = await asyncio.gather(
        view.api.get(at), view.api.get(f"{at}/runs", limit=30, cursor=view.query.get("cursor"))
    )
    return view.page("schedule.html", problem, schedule=schedule, runs=runs)


async def control(view: View, id: str) -> Response:
    at, then = f"/schedule/{segment(id)}", f"/schedules/{segment(id)}"
    match view.form["do"]:
        case "pause":
            work, done = view.api.post(f"{at}/pause"), "paused"
        case "resume":
            work, done = view.api.post(f"{at}/resume"), "resumed"
        case "change":
            changes = {"start_at": view.form.text("start_at"), "timezone": view.form.text("timezone")}
            given = {name: value for name, value in changes.items() if value}
            work, done = view.api.patch(at, given), "saved"
        case _:
            work, done = view.api.delete(at), "ended"
    return await attempt(view, work, then, done, lambda problem: show(view, id, problem))
