"""`/lists`: recipients, and the files that bring them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from starlette.responses import Response

from warmpost.errors import Invalid, Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.view import View, attempt
from warmpost.gateways.http.app import STATUS, json_response
from warmpost.gateways.http.bodies import read_body

MOST_PASTED = 5000
SAMPLE = "email,name,city\r\nann@example.net,Ann,Bergen\r\nbob@example.net,Bob,Lisbon\r\n"


async def show_all(view: View, problem: Problem | None = None) -> Response:
    listed = await view.api.get("/manage/lists", limit=50, cursor=view.query.get("cursor"))
    return view.page("lists.html", problem, listed=listed)


async def create(view: View) -> Response:
    return await attempt(
        view,
        view.api.post("/manage/lists", {"name": view.form.text("name")}),
        lambda made: f"/lists/{made['id']}",
        "list-created",
        lambda problem: show_all(view, problem),
    )


async def show(view: View, id: str, problem: Problem | None = None, imported: Any = None) -> Response:
    at = f"/manage/lists/{segment(id)}"
    found = await view.api.get(at)
    address = view.query.get("address", "").strip()
    try:
        rows = await view.api.get(
            f"{at}/recipients", limit=50, cursor=view.query.get("cursor"), address=address
        )
    except Problem as refusal:
        problem, rows = problem or refusal, {"items": [], "next_cursor": None}
    return view.page("list.html", problem, list=found, rows=rows, address=address, imported=imported)


async def sample(view: View) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="recipients.csv"'}
    return Response(SAMPLE, headers=headers, media_type="text/csv; charset=utf-8")


async def upload(view: View, id: str) -> Response:
    """A file of any size, piece by piece, as the script sends it; answered as the API answers."""
    body = await read_body(view.request)
    update = "true" if view.query.get("update") == "true" else None
    try:
        done = await view.api.upload(f"/manage/lists/{segment(id)}/recipients", body, update=update)
    except Problem as problem:
        error = {"code": problem.code, "message": problem.message}
        return json_response({"error": error}, STATUS[type(problem)])
    return json_response(done)


async def add(view: View, id: str) -> Response:
    """Pasted rows, which need no script."""
    rows = view.form.lines("rows")
    try:
        if rows.count("\n") > MOST_PASTED:
            raise Invalid(
                "invalid_field", f"Up to {MOST_PASTED:,} rows can be pasted; drop a file instead.", "rows"
            )
        done = await view.api.upload(
            f"/manage/lists/{segment(id)}/recipients",
            with_header(rows).encode(),
            update="true" if view.form.flag("update") else None,
        )
    except Problem as problem:
        return await show(view, id, problem)
    return await show(view, id, imported=done)


def with_header(rows: str) -> str:
    """Addresses alone, one a line, are a file as well."""
    first = rows.strip().partition("\n")[0]
    return f"email\n{rows}" if "@" in first and "," not in first else rows


async def rejected(view: View, id: str) -> Response:
    """The rows that were not taken, as a file to mend and import again."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("email", "line", "reason"))
    for row in json.loads(view.form["rejected"] or "[]"):
        writer.writerow((str(row.get("email", "")), str(row.get("line", "")), str(row.get("reason", ""))))
    headers = {"Content-Disposition": 'attachment; filename="rejected.csv"'}
    return Response(out.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


async def change(view: View, id: str) -> Response:
    """One action of the page, by the name of the button that was pressed."""
    at = f"/manage/lists/{segment(id)}"
    address = view.form.text("address")
    match view.form["do"]:
        case "rename":
            work, done, then = view.api.patch(at, {"name": view.form.text("name")}), "saved", f"/lists/{id}"
        case "remove":
            work, done, then = (
                view.api.delete(f"{at}/recipients/{segment(address)}"),
                "removed",
                f"/lists/{id}",
            )
        case _:
            work, done, then = _delete(view, at), "deleted", "/lists"
    return await attempt(view, work, then, done, lambda problem: show(view, id, problem))


async def _delete(view: View, at: str) -> None:
    found = await view.api.get(at)
    if view.form.text("confirm") != found["name"]:
        raise Invalid("invalid_field", f"Type the list's name, {found['name']}, to delete it.", "confirm")
    await view.api.delete(at)
