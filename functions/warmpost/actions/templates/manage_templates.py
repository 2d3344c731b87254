"""Templates: every change is a new version, and what a version said stays readable."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.storage.names import find_template, free_name, require_name, require_unused, take_name
from warmpost.actions.storage.needed import refuse_while_scheduled
from warmpost.actions.storage.pagination import Listed, Page, list_by_number
from warmpost.actions.storage.retries import commit_new
from warmpost.errors import Invalid, Moved, NotFound, Outdated
from warmpost.rules.lists.documents import Template
from warmpost.rules.message.message import Content, TemplateFacts
from warmpost.rules.model.names import has_controls
from warmpost.rules.model.writes import Create, Delete, Stored, Update, Write
from warmpost.rules.requests.limits import check_bodies, check_subject
from warmpost.rules.tencent.syntax import Syntax
from warmpost.rules.tracking.tracking import Track

MOST_TEMPLATE_BYTES = 500_000
"""Of html and text together."""
MOST_SUBJECT_BYTES = 998
LISTED_FIELDS = ("number", "name", "subject", "required", "optional", "version", "created_at", "updated_at")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a caller wants a template to say; empty html or text for none. track: None for nothing about it.

    syntax: of the three sources.
    """

    name: str
    subject: str
    html: str
    text: str
    track: Track | None = None
    syntax: Syntax = "jinja"


async def create_template(services: Services, draft: Draft) -> Stored[Template]:
    """Raises Invalid or Conflict."""
    name = require_name(draft.name)
    facts = await _inspected(services, draft)
    await require_unused(services.store, "template", name)
    now = services.clock.now()
    number = await services.store.next_number("templates")
    template = Template(
        name=name,
        subject=draft.subject,
        html=draft.html,
        text=draft.text,
        required=tuple(sorted(facts.required)),
        optional=tuple(sorted(facts.optional)),
        version=1,
        created_at=now,
        updated_at=now,
        number=number,
        size=_size(draft),
        track=draft.track,
        syntax=draft.syntax,
    )
    path = f"templates/{number}"
    writes: list[Write] = [Create(path, template), Create(_version_path(path, 1), template)]
    return await _committed(services, path, template, writes, name)


def _next_version(before: Template, draft: Draft, facts: TemplateFacts, now: datetime) -> Template:
    return replace(
        before,
        name=draft.name,
        subject=draft.subject,
        html=draft.html,
        text=draft.text,
        size=_size(draft),
        track=draft.track,
        syntax=draft.syntax,
        required=tuple(sorted(facts.required)),
        optional=tuple(sorted(facts.optional)),
        version=before.version + 1,
        updated_at=now,
    )


def _size(draft: Draft) -> int:
    return sum(len(one.encode()) for one in (draft.subject, draft.html, draft.text))


async def _inspected(services: Services, draft: Draft) -> TemplateFacts:
    """In a thread: a template of the largest size takes seconds to compile."""
    if not draft.html and not draft.text:
        raise Invalid("missing_field", "A template needs `html`, `text` or both.", "html")
    if len(draft.html.encode()) + len(draft.text.encode()) > MOST_TEMPLATE_BYTES:
        field = "html" if len(draft.html) >= len(draft.text) else "text"
        raise Invalid(
            "template_too_large", f"`html` and `text` may have {MOST_TEMPLATE_BYTES:,} bytes together.", field
        )
    if not draft.subject.strip():
        raise Invalid("invalid_subject", "A subject is needed.", "subject")
    if len(draft.subject.encode()) > MOST_SUBJECT_BYTES:
        raise Invalid("invalid_subject", f"A subject may have {MOST_SUBJECT_BYTES} bytes at most.", "subject")
    if has_controls(draft.subject):
        raise Invalid("invalid_subject", "A subject holds no line breaks or control characters.", "subject")
    return await asyncio.to_thread(services.templates.inspect, content_of(draft))


def content_of(source: Draft | Template) -> Content:
    return Content(source.subject, source.html or None, source.text or None, True, source.syntax)


def _version_path(path: str, version: int) -> str:
    return f"{path}/versions/{version}"


async def _committed(
    services: Services, path: str, template: Template, writes: list[Write], new_name: str | None
) -> Stored[Template]:
    number = path.rpartition("/")[2]
    names = [take_name("template", new_name, number)] if new_name else []
    try:
        versions = await commit_new(services.store, *writes, *names)
    except Moved:
        if new_name:
            await require_unused(services.store, "template", new_name)
        raise
    return Stored(path, template, versions[0])


async def change_template(
    services: Services, reference: int | str, changes: Mapping[str, Any], expected: int | None = None
) -> Stored[Template]:
    """changes: of a Draft's fields. The same content again makes no new version. expected: the version that is changed.

    Raises as create_template, Outdated or Moved.
    """
    stored = await find_template(services.store, reference)
    before = stored.value
    require_version(before, expected)
    present = Draft(before.name, before.subject, before.html, before.text, before.track, before.syntax)
    draft = replace(present, **changes)
    draft = replace(draft, name=require_name(draft.name))
    if draft == present:
        return stored
    facts = await _inspected(services, draft)
    after = _next_version(before, draft, facts, services.clock.now())
    writes: list[Write] = [
        Update(stored.path, _changes(before, after), stored.version),
        Create(_version_path(stored.path, after.version), after),
    ]
    renamed = draft.name if draft.name != before.name else None
    if renamed:
        await require_unused(services.store, "template", renamed)
        writes.append(free_name("template", before.name))
    return await _committed(services, stored.path, after, writes, renamed)


def require_version(template: Template, expected: int | None) -> None:
    """Raises Outdated where somebody else has changed it since the caller looked."""
    if expected is not None and expected != template.version:
        reason = f"The template is at version {template.version} by now, not {expected}: look at it again."
        raise Outdated("version_outdated", reason, "If-Match")


def _changes(before: Template, after: Template) -> dict[str, object]:
    return {
        one.name: getattr(after, one.name)
        for one in fields(Template)
        if getattr(after, one.name) != getattr(before, one.name)
    }


async def template_version(
    services: Services, reference: int | str, version: int | None, field: str = "version"
) -> Stored[Template]:
    """The newest for None. Raises NotFound, with the field that named the version."""
    head = await find_template(services.store, reference)
    if version is None or version == head.value.version:
        return head
    found = await services.store.get(Template, _version_path(head.path, version)) if version > 0 else None
    if found is None:
        raise NotFound("version_not_found", f"Template {head.id} has no version {version}.", field)
    return Stored(head.path, found.value, found.version)


async def list_templates(services: Services, page: Page) -> Listed[tuple[str, dict[str, Any]]]:
    """Without their bodies."""
    return await list_by_number(services.store, "templates", page, LISTED_FIELDS)


async def delete_template(services: Services, reference: int | str, expected: int | None = None) -> None:
    """Its versions stay: what was sent with them can still be shown.

    Raises NotFound, Outdated, Moved, or Conflict while a schedule needs it.
    """
    stored = await find_template(services.store, reference)
    require_version(stored.value, expected)
    await refuse_while_scheduled(services.store, "template", stored.path)
    await services.store.commit(Delete(stored.path, stored.version), free_name("template", stored.value.name))


async def preview_template(
    services: Services, reference: int | str, data: Mapping[str, object], version: int | None
) -> Content:
    """Raises NotFound, or Invalid that names the variables that are missing, or why it could not be sent."""
    template = (await template_version(services, reference, version)).value
    return await _preview(services, content_of(template), template.required, data)


async def preview_draft(services: Services, draft: Draft, data: Mapping[str, object]) -> Content:
    """Of what nobody has stored yet. Raises Invalid as `create_template` and `preview_template` do."""
    facts = await _inspected(services, draft)
    return await _preview(services, content_of(draft), sorted(facts.required), data)


async def _preview(
    services: Services, content: Content, required: Sequence[str], data: Mapping[str, object]
) -> Content:
    missing = [name for name in required if name not in data]
    if missing:
        names = ", ".join(missing)
        raise Invalid("missing_variable", f"The template needs: {names}.", f"data.{missing[0]}")
    shown = await asyncio.to_thread(services.templates.preview, content, data)
    check_subject(shown.subject)
    check_bodies(shown, rendered=True)
    return shown
