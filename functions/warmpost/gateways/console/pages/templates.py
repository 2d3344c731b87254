"""`/templates`: what mails say: written, looked at as a reader would, and kept version by version."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.responses import Response

from warmpost.errors import Invalid, Problem
from warmpost.gateways.console.api import segment
from warmpost.gateways.console.view import View, attempt
from warmpost.gateways.http.app import STATUS

STARTER_SUBJECT = "{{ name }}, a word from us"
STARTER = """<!doctype html>
<html lang="en">
<body style="margin:0;background:#f4f1ea;font-family:Georgia,serif">
<div style="max-width:560px;margin:0 auto;background:#ffffff">
  <div style="background:#2f5d3a;color:#f4f1ea;padding:28px 32px">
    <h1 style="margin:0;font-size:27px">Your headline</h1>
  </div>
  <div style="padding:28px 32px;line-height:1.6;color:#333">
    <p>Dear {{ name }},</p>
    <p>say here what you have to say.</p>
    <p><a href="https://example.com/"
          style="display:inline-block;background:#2f5d3a;color:#fff;
                 padding:12px 20px;text-decoration:none;
                 border-radius:6px">Read more</a></p>
  </div>
</div>
</body>
</html>
"""


async def show_all(view: View, problem: Problem | None = None) -> Response:
    listed = await view.api.get("/manage/templates", limit=50, cursor=view.query.get("cursor"))
    return view.page("templates.html", problem, listed=listed)


async def create(view: View) -> Response:
    source = {"subject": STARTER_SUBJECT, "html": STARTER}
    if view.form.text("copy"):
        found = await view.api.get(f"/manage/templates/{segment(view.form.text('copy'))}")
        source = {"subject": found["subject"], "html": found["html"], "text": found["text"]}
    return await attempt(
        view,
        view.api.post("/manage/templates", {"name": view.form.text("name"), **source}),
        lambda made: f"/templates/{made['id']}",
        "template-created",
        lambda problem: show_all(view, problem),
    )


async def show(view: View, id: str, problem: Problem | None = None) -> Response:
    at = f"/manage/templates/{segment(id)}"
    found, versions, lists = await asyncio.gather(
        view.api.get(at, version=view.query.get("version")),
        view.api.maybe(f"{at}/versions", limit=30),
        view.api.maybe("/manage/lists", limit=50),
    )
    draft = {
        name: view.form[name] if name in view.form else found[name] or ""
        for name in ("subject", "html", "text", "name")
    }
    known = (versions or {}).get("items", [])
    return view.page(
        "template.html",
        problem,
        template=found,
        draft=draft,
        versions=known,
        newest=known[0]["version"] if known else found["version"],
        lists=(lists or {}).get("items", []),
        data=view.form["data"] or sample_data(found["variables"]),
    )


def sample_data(variables: dict[str, list[str]]) -> str:
    """Something for every variable, to look at the template with."""
    names = [*variables["required"], *variables["optional"]]
    return json.dumps(
        {name: name.replace("_", " ").capitalize() for name in names}, indent=2, ensure_ascii=False
    )


async def save(view: View, id: str) -> Response:
    async def work() -> Any:
        seen = view.form.text("seen")
        return await view.api.patch(f"/manage/templates/{segment(id)}", _draft(view), seen)

    return await attempt(view, work(), f"/templates/{id}", "saved", lambda problem: show(view, id, problem))


def _draft(view: View) -> dict[str, Any]:
    html, text = view.form.lines("html"), view.form.lines("text")
    return {
        "name": view.form.text("name"),
        "subject": view.form.text("subject"),
        "html": html or None,
        "text": text or None,
    }


async def restore(view: View, id: str) -> Response:
    """A new version that says what the one looked at said."""

    async def work() -> Any:
        version = view.form.text("version")
        if not (version.isascii() and version.isdigit() and len(version) <= 9):
            raise Invalid("invalid_field", "`version` is a whole number.", "version")
        return await view.api.post(f"/manage/templates/{segment(id)}/restore", {"version": int(version)})

    return await attempt(view, work(), f"/templates/{id}", "saved", lambda problem: show(view, id, problem))


async def delete(view: View, id: str) -> Response:
    return await attempt(
        view,
        view.api.delete(f"/manage/templates/{segment(id)}"),
        "/templates",
        "deleted",
        lambda problem: show(view, id, problem),
    )


async def preview(view: View) -> Response:
    """The draft in the form, as a mail, for the sandboxed frame beside it. Nothing is stored."""
    draft = {name: value for name, value in _draft(view).items() if name != "name"}
    try:
        data = await preview_data(view)
        shown = await view.api.post("/manage/templates/preview", {**draft, "data": data})
    except Problem as problem:
        html = view.parts.pages.render("preview_problem.html", {**view.context(), "problem": problem})
        response = view.mail(html, False)
        response.status_code = STATUS[type(problem)]
        return response
    return mail_page(view, shown)


def mail_page(view: View, shown: dict[str, Any]) -> Response:
    """A mail as HTML where it has some, else as text."""
    html = shown.get("html") or view.parts.pages.render("plain_mail.html", {"text": shown.get("text") or ""})
    return view.mail(html, view.form.flag("pictures") or view.query.get("pictures") == "yes")


async def preview_data(view: View) -> dict[str, Any]:
    """Values to look at a draft with: a recipient's of a list, or those typed. Raises Invalid."""
    reference = view.form.text("as_list")
    if reference:
        rows = await view.api.get(f"/manage/lists/{segment(reference)}/recipients", limit=1)
        return dict(rows["items"][0]["data"]) if rows["items"] else {}
    return typed_data(view.form["data"], "data")


def typed_data(text: str, field: str) -> dict[str, Any]:
    """Raises Invalid."""
    try:
        data = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise Invalid(
            "invalid_field", f'Values are written as JSON, such as {{"name": "Ann"}}: {error}.', field
        ) from None
    if not isinstance(data, dict):
        raise Invalid("invalid_field", 'Values are written as JSON, such as {"name": "Ann"}.', field)
    return data


async def send_test(view: View, template: str, body: dict[str, Any]) -> Any:
    """body: to, from and data."""
    return await view.api.post(f"/manage/templates/{segment(template)}/test", body)


async def test(view: View, id: str) -> Response:
    """One mail of the stored template to oneself."""

    async def work() -> Any:
        body = {"to": view.form.text("to"), "from": view.form.text("from"), "data": await preview_data(view)}
        return await send_test(view, id, body)

    return await attempt(
        view, work(), f"/templates/{id}", "test-sent", lambda problem: show(view, id, problem)
    )
