"""`/domains`: the domains one sends from: their records, their warm-up, and whether they are ready."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from warmpost.errors import Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.view import View, attempt

HISTORY = 12
MOST_ASKED = 6


async def show_all(view: View, problem: Problem | None = None) -> Response:
    listed = await view.api.get("/manage/domains", limit=50, cursor=view.query.get("cursor"))
    listed["items"] = await with_warmup(view, listed["items"])
    return view.page("domains.html", problem, listed=listed)


async def with_warmup(view: View, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their level and volume of today, of the first few where the list has none."""
    asked = [one for one in rows if "level" not in one and one["status"] == "verified"][:MOST_ASKED]
    found = await asyncio.gather(
        *(view.api.maybe(f"/manage/domains/{segment(one['domain'])}") for one in asked)
    )
    known = {one["domain"]: one for one in found if one}
    return [known.get(one["domain"], one) for one in rows]


async def create(view: View) -> Response:
    body: dict[str, Any] = {
        "domain": view.form.text("domain"),
        "dkim": {"ed25519": view.form.flag("ed25519")},
    }
    return await attempt(
        view,
        view.api.post("/manage/domains", body),
        lambda made: f"/domains/{segment(made['domain'])}",
        "domain-created",
        lambda problem: show_all(view, problem),
    )


async def show(view: View, domain: str, problem: Problem | None = None) -> Response:
    at = f"/manage/domains/{segment(domain)}"
    found, history, pools = await asyncio.gather(
        view.api.get(at), newest_history(view, at), view.api.maybe("/manage/pools", limit=100)
    )
    preflight = await view.api.maybe(f"{at}/preflight") if view.query.get("preflight") else None
    return view.page(
        "domain.html",
        problem,
        domain=found,
        history=history,
        preflight=preflight,
        pools=(pools or {}).get("items", []),
        rules=by_rule(found["rules"], ("U",)),
    )


async def newest_history(view: View, at: str) -> list[dict[str, Any]]:
    found = await view.api.maybe(f"{at}/history", limit=HISTORY)
    items: list[dict[str, Any]] = (found or {}).get("items", [])
    return items


def by_rule(readings: list[dict[str, Any]], kinds: tuple[str, ...] = ()) -> dict[str, list[dict[str, Any]]]:
    """Conditions by the name of their rule, each with the length of its gauge and where its limit stands."""
    rules: dict[str, list[dict[str, Any]]] = {}
    for one in readings:
        if not kinds or one["rule"].startswith(kinds):
            rules.setdefault(one["rule"], []).append({**one, **gauge(one["now"], one["needed"])})
    return rules


def gauge(now: str, needed: str) -> dict[str, float]:
    """width, limit: in per cent of the gauge, whose middle the limit is where it is small."""
    value, limit = _figure(now), _figure(needed)
    if value is None or limit is None or not limit:
        return {"width": 0, "limit": 50}
    whole = 100.0 if limit >= 40 else limit * 2
    return {"width": round(min(value / whole, 1) * 100, 1), "limit": round(min(limit / whole, 0.98) * 100, 1)}


def _figure(text: str) -> float | None:
    digits = "".join(one for one in text if one.isdigit() or one == ".")
    try:
        return float(digits)
    except ValueError:
        return None


async def verify(view: View, domain: str) -> Response:
    at = f"/domains/{segment(domain)}"
    return await attempt(
        view,
        view.api.post(f"/manage{at}/verify"),
        at,
        "looked-up",
        lambda problem: show(view, domain, problem),
    )


async def rotate(view: View, domain: str) -> Response:
    at = f"/domains/{segment(domain)}"
    return await attempt(
        view,
        view.api.post(f"/manage{at}/dkim/rotate"),
        at,
        "rotated",
        lambda problem: show(view, domain, problem),
    )


async def change(view: View, domain: str) -> Response:
    at = f"/domains/{segment(domain)}"

    async def save() -> None:
        body: dict[str, Any] = {"warmup": view.form.flag("warmup"), "cap": view.form.number("cap")}
        level = view.form.number("level")
        if level is not None:
            body["level"] = level
        body["pool"] = view.form.text("pool") or None
        await view.api.patch(f"/manage{at}", body)

    return await attempt(view, save(), at, "saved", lambda problem: show(view, domain, problem))


async def delete(view: View, domain: str) -> Response:
    at = f"/manage/domains/{segment(domain)}"
    pending = "cancel" if view.form.flag("cancel_pending") else None
    return await attempt(
        view,
        view.api.delete(at, pending=pending),
        "/domains",
        "deleted",
        lambda problem: show(view, domain, problem),
    )
