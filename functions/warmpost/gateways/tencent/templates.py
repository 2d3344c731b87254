"""Templates in Tencent's own syntax: kept byte for byte, and rendered as they are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, field

from warmpost.actions.storage.names import find_template
from warmpost.actions.storage.pagination import Page
from warmpost.actions.templates import manage_templates
from warmpost.actions.templates.manage_templates import Draft
from warmpost.errors import Conflict
from warmpost.gateways.tencent.calls import (
    Action,
    Call,
    Parameters,
    Refused,
    as_base64,
    read_base64_text,
    require_limit,
    unix,
)

Unsigned = Annotated[int, Meta(ge=0)]
IN_USE = 0
"""TemplateStatus: approved; there is no review."""

MOST_OF_A_NAME = 50
WRONG = "InvalidParameterValue.TemplateContentIsWrong"


class Body(Struct, forbid_unknown_fields=True, rename="pascal"):
    html: str | None = None
    text: str | None = None


class NewTemplate(Parameters):
    template_name: str
    template_content: Body


class ChangedTemplate(NewTemplate):
    template_id: Unsigned = field(name="TemplateID")


class OneTemplate(Parameters):
    template_id: Unsigned = field(name="TemplateID")


class WantedTemplates(Parameters):
    limit: Unsigned
    offset: Unsigned


def draft_of(name: str, body: Body) -> Draft:
    """Tencent's templates have no subject; the name stands in for it. Raises Refused."""
    html = read_base64_text(body.html, WRONG, "TemplateContent.Html")
    text = read_base64_text(body.text, WRONG, "TemplateContent.Text")
    if not html and not text:
        raise Refused(
            "InvalidParameterValue.TemplateContentIsNULL", "TemplateContent has Html, Text or both."
        )
    return Draft(name, name, html, text, syntax="tencent")


async def create_template(call: Call, wanted: NewTemplate) -> Mapping[str, object]:
    """Names need not differ there: one that is taken gets a number behind it."""
    _require_name(wanted.template_name)
    draft = draft_of(wanted.template_name, wanted.template_content)
    for number in range(1, MOST_OF_A_NAME):
        name = draft.name if number == 1 else f"{draft.name} ({number})"
        try:
            made = await manage_templates.create_template(
                call.services, Draft(name, draft.subject, draft.html, draft.text, syntax="tencent")
            )
            return {"TemplateID": int(made.id)}
        except Conflict as problem:
            if problem.code != "name_taken":
                raise
    raise Refused("InvalidParameterValue.TemplateNameIllegal", "Too many templates have this TemplateName.")


def _require_name(name: str) -> None:
    if not name.strip():
        raise Refused("InvalidParameterValue.TemplateNameIsNULL", "TemplateName is not empty.")


async def update_template(call: Call, wanted: ChangedTemplate) -> Mapping[str, object]:
    _require_name(wanted.template_name)
    stored = await find_template(call.services.store, wanted.template_id)
    draft = draft_of(wanted.template_name, wanted.template_content)
    changes = {
        "name": draft.name,
        "html": draft.html,
        "text": draft.text,
        "syntax": "tencent",
        "subject": draft.subject if stored.value.syntax == "tencent" else stored.value.subject,
    }
    await manage_templates.change_template(call.services, stored.id, changes)
    return {}


async def get_template(call: Call, wanted: OneTemplate) -> Mapping[str, object]:
    value = (await find_template(call.services.store, wanted.template_id)).value
    content = {"Html": as_base64(value.html), "Text": as_base64(value.text)}
    return {"TemplateContent": content, "TemplateStatus": IN_USE, "TemplateName": value.name}


async def list_templates(call: Call, wanted: WantedTemplates) -> Mapping[str, object]:
    require_limit(wanted.limit)
    total = await call.services.store.count("templates")
    some = await manage_templates.list_templates(
        call.services, Page(min(wanted.offset + wanted.limit, 1000) or 1)
    )
    rows = some.items[wanted.offset :][: wanted.limit]
    return {
        "TemplatesMetadata": [
            {
                "CreatedTimestamp": unix(row["created_at"]),
                "TemplateName": row["name"],
                "TemplateStatus": IN_USE,
                "TemplateID": int(id),
                "ReviewReason": "",
            }
            for id, row in rows
        ],
        "TotalCount": total,
    }


async def delete_template(call: Call, wanted: OneTemplate) -> Mapping[str, object]:
    await manage_templates.delete_template(call.services, wanted.template_id)
    return {}


_CODES = {
    "template_not_found": "InvalidParameterValue.TemplateNotExist",
    "template_too_large": "FailedOperation.TemplateContentToolarge",
    "template_syntax": WRONG,
    "cannot_render": WRONG,
    "invalid_name": "InvalidParameterValue.TemplateNameIllegal",
    "name_too_long": "InvalidParameterValue.TemplateNameIllegal",
    "invalid_subject": "InvalidParameterValue.TemplateNameIllegal",
    "name_taken": "InvalidParameterValue.TemplateNameIllegal",
}
ACTIONS = {
    "CreateEmailTemplate": Action(NewTemplate, "manage", create_template, _CODES),
    "UpdateEmailTemplate": Action(ChangedTemplate, "manage", update_template, _CODES),
    "GetEmailTemplate": Action(OneTemplate, "read", get_template, _CODES),
    "ListEmailTemplates": Action(WantedTemplates, "read", list_templates),
    "DeleteEmailTemplate": Action(OneTemplate, "manage", delete_template, _CODES),
}
