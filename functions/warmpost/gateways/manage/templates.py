"""`/manage/templates`: what mails say, by id or by name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.templates import manage_templates
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import Answer, Id, Listed
from warmpost.gateways.api.models import Tracking, track_of
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Parameter, Route, json_response
from warmpost.rules.lists.documents import Template
from warmpost.rules.model.writes import Stored
from warmpost.rules.tracking.tracking import Track

Version = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class NewTemplate(collections.Body):
    name: str
    subject: str
    html: str | None = None
    text: str | None = None
    track: bool | Tracking | None = None


class TemplateChange(collections.Body):
    """null takes html, text or track away."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    subject: str | msgspec.UnsetType = msgspec.UNSET
    html: str | msgspec.UnsetType | None = msgspec.UNSET
    text: str | msgspec.UnsetType | None = msgspec.UNSET
    track: bool | Tracking | msgspec.UnsetType | None = msgspec.UNSET


class Preview(collections.Body):
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    version: Version | None = None


class DraftPreview(collections.Body):
    """What a template would say, before it is stored."""

    subject: str
    html: str | None = None
    text: str | None = None
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class TemplateVariables(Answer):
    required: list[str]
    optional: list[str]


class TemplateRow(Answer):
    id: Id
    name: str
    subject: str
    variables: TemplateVariables
    version: int
    created_at: datetime
    updated_at: datetime


class TemplateAnswer(TemplateRow):
    html: str | None
    text: str | None
    track: Track | None


class Rendered(Answer):
    subject: str
    html: str | None
    text: str | None


def shown(stored: Stored[Template]) -> dict[str, object]:
    template = stored.value
    return {
        "id": int(stored.id),
        "name": template.name,
        "subject": template.subject,
        "html": template.html or None,
        "text": template.text or None,
        "track": template.track,
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
    return json_response(shown(await manage_templates.create_template(services, draft)), 201)


async def listing(request: Request, services: Services) -> Response:
    return collections.listed(
        await manage_templates.list_templates(services, collections.page(request)), shown_in_list
    )


async def get(request: Request, services: Services, template: str) -> Response:
    wanted = request.query_params.get("version")
    if wanted is not None and not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 9):
        raise Invalid("invalid_field", "`version` is a whole number.", "version")
    version = int(wanted) if wanted is not None else None
    return json_response(shown(await manage_templates.template_version(services, template, version)))


async def change(request: Request, services: Services, template: str) -> Response:
    body = await collections.read(request, TemplateChange)
    given = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET
    }
    changes = {name: track_of(value) if name == "track" else value or "" for name, value in given.items()}
    return json_response(shown(await manage_templates.change_template(services, template, changes)))


async def delete(request: Request, services: Services, template: str) -> Response:
    await manage_templates.delete_template(services, template)
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
    ),
    Route("DELETE", "/templates/{template}", delete, "Delete a template", "manage", answers={204: None}),
    Route("POST", "/templates/{template}/preview", preview, "Render it", "manage", Preview, {200: Rendered}),
]
