"""`/manage/templates`: what mails say, by id or by name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.listings.send_test import TemplateTest, send_test
from warmpost.actions.templates import manage_templates, template_versions
from warmpost.actions.templates.template_versions import find_uses
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import AcceptedMessage, Listed
from warmpost.gateways.api.models import track_of
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Parameter, Route, json_response
from warmpost.gateways.http.parameters import caller_of
from warmpost.gateways.manage.template_shapes import (
    DraftPreview,
    NewTemplate,
    Preview,
    Rendered,
    Restored,
    TemplateAnswer,
    TemplateChange,
    TemplateRow,
    TemplateVersionRow,
    TestBody,
    Version,
)
from warmpost.rules.lists.documents import Template
from warmpost.rules.model.writes import Stored
from warmpost.rules.requests.requests import Request as Asked


def shown(stored: Stored[Template]) -> dict[str, object]:
    template = stored.value
    return {
        "id": int(stored.id),
        "name": template.name,
        "subject": template.subject,
        "html": template.html or None,
        "text": template.text or None,
        "track": template.track,
        "size": template.size,
        "variables": {"required": template.required, "optional": template.optional},
        "version": template.version,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }


def shown_in_list(one: tuple[str, dict[str, Any]]) -> dict[str, object]:
    number, fields = one
    return {
        "id": int(number),
        "name": fields["name"],
        "subject": fields["subject"],
        "variables": {"required": fields["required"], "optional": fields["optional"]},
        "version": fields["version"],
        "created_at": fields["created_at"],
        "updated_at": fields["updated_at"],
    }


async def create(request: Request, services: Services) -> Response:
    body = await collections.read(request, NewTemplate)
    track = track_of(body.track)
    draft = manage_templates.Draft(body.name, body.subject, body.html or "", body.text or "", track)
    return await _answered(services, await manage_templates.create_template(services, draft), 201)


async def listing(request: Request, services: Services) -> Response:
    return collections.listed(
        await manage_templates.list_templates(services, collections.page(request)), shown_in_list
    )


async def get(request: Request, services: Services, template: str) -> Response:
    wanted = request.query_params.get("version")
    if wanted is not None and not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 9):
        raise Invalid("invalid_field", "`version` is a whole number.", "version")
    version = int(wanted) if wanted is not None else None
    found = await manage_templates.template_version(services, template, version)
    return await _answered(services, found)


async def _answered(services: Services, stored: Stored[Template], status: int = 200) -> Response:
    """With its version as entity tag (RFC 9110 section 8.8.3), for `If-Match` of a change."""
    uses = await find_uses(services, stored)
    used_by = {
        "schedules": [int(one) for one in uses.schedules],
        "batches": [int(one) for one in uses.batches],
    }
    return json_response(shown(stored) | {"used_by": used_by}, status, {"ETag": f'"{stored.value.version}"'})


def _expected(request: Request) -> int | None:
    """The version that the caller has seen. Raises Invalid."""
    tag = request.headers.get("if-match", "*").strip()
    number = tag.removeprefix("W/").strip('"')
    if tag == "*":
        return None
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise Invalid(
            "invalid_field", 'If-Match holds one version, such as "3", as ETag gave it.', "If-Match"
        )
    return int(number)


async def versions(request: Request, services: Services, template: str) -> Response:
    found = await template_versions.list_versions(services, template, collections.page(request))
    return collections.listed(found, asdict)


async def restore(request: Request, services: Services, template: str) -> Response:
    body = await collections.read(request, Restored)
    restored = await template_versions.restore_version(services, template, body.version, _expected(request))
    return await _answered(services, restored)


async def test(request: Request, services: Services, template: str) -> Response:
    """As if it came by `POST /send`, with the rights of the key that asks."""
    body = await collections.read(request, TestBody)
    caller = caller_of(request)
    caller.require_sender(body.sender, "from")
    if body.list_ is None and body.position:
        raise Invalid("unexpected_field", "A position goes with a list.", "position")
    reference = None if body.list_ is None else str(body.list_)
    wanted = TemplateTest(body.sender, body.to, body.data, reference, body.position, body.version)
    asking = Asked(caller.key_id, sender=caller.sender, domains=caller.domains)
    accepted = await send_test(services, template, wanted, asking)
    return json_response({"id": accepted.id, "status": "queued", "recipients": 1}, 202)


async def change(request: Request, services: Services, template: str) -> Response:
    body = await collections.read(request, TemplateChange)
    given = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET
    }
    changes = {name: track_of(value) if name == "track" else value or "" for name, value in given.items()}
    changed = await manage_templates.change_template(services, template, changes, _expected(request))
    return await _answered(services, changed)


async def delete(request: Request, services: Services, template: str) -> Response:
    await manage_templates.delete_template(services, template, _expected(request))
    return collections.deleted()


async def preview(request: Request, services: Services, template: str) -> Response:
    body = await collections.read(request, Preview)
    content = await manage_templates.preview_template(services, template, body.data, body.version)
    return json_response({"subject": content.subject, "html": content.html, "text": content.text})


async def preview_draft(request: Request, services: Services) -> Response:
    body = await collections.read(request, DraftPreview)
    draft = manage_templates.Draft("", body.subject, body.html or "", body.text or "")
    content = await manage_templates.preview_draft(services, draft, body.data)
    return json_response({"subject": content.subject, "html": content.html, "text": content.text})


IF_MATCH = Parameter("If-Match", str, "The version that was looked at, as `ETag` gave it.", "header")

ROUTES = [
    Route(
        "GET",
        "/templates",
        listing,
        "All templates",
        scope="read",
        answers={200: Listed[TemplateRow]},
        parameters=collections.PAGE,
    ),
    Route(
        "POST",
        "/templates/preview",
        preview_draft,
        "Render what is not stored",
        "manage",
        DraftPreview,
        {200: Rendered},
    ),
    Route("POST", "/templates", create, "Create a template", "manage", NewTemplate, {201: TemplateAnswer}),
    Route(
        "GET",
        "/templates/{template}",
        get,
        "One template",
        scope="read",
        answers={200: TemplateAnswer},
        parameters=(Parameter("version", Version),),
    ),
    Route(
        "PATCH",
        "/templates/{template}",
        change,
        "Change a template",
        "manage",
        TemplateChange,
        {200: TemplateAnswer},
        (IF_MATCH,),
    ),
    Route(
        "DELETE",
        "/templates/{template}",
        delete,
        "Delete a template",
        "manage",
        answers={204: None},
        parameters=(IF_MATCH,),
    ),
    Route(
        "GET",
        "/templates/{template}/versions",
        versions,
        "What it said before, newest first",
        scope="read",
        answers={200: Listed[TemplateVersionRow]},
        parameters=collections.PAGE,
    ),
    Route(
        "POST",
        "/templates/{template}/restore",
        restore,
        "Go back to an earlier version",
        "manage",
        Restored,
        {200: TemplateAnswer},
        (IF_MATCH,),
    ),
    Route(
        "POST",
        "/templates/{template}/test",
        test,
        "Send one test mail of it",
        "send",
        TestBody,
        {202: AcceptedMessage},
    ),
    Route("POST", "/templates/{template}/preview", preview, "Render it", "manage", Preview, {200: Rendered}),
]
