"""The shapes of what is asked and told of templates."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from warmpost.gateways.api.answers import Answer, Count, Id
from warmpost.gateways.api.models import Reference, Tracking
from warmpost.gateways.http import collections
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


class Restored(collections.Body):
    """version: whose content is to be that of a new one."""

    version: Version


class TestBody(collections.Body):
    """data: for the template; or `list` and `position` for those of a recipient, over which data is laid."""

    sender: str = msgspec.field(name="from")
    to: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    list_: Reference | None = msgspec.field(name="list", default=None)
    position: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0
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


class TemplateUses(Answer):
    """schedules: that have not ended. batches: that run, with the version they began with."""

    schedules: list[Id]
    batches: list[Id]


class TemplateAnswer(TemplateRow):
    """size: bytes of subject, html and text."""

    html: str | None
    text: str | None
    track: Track | None
    size: Count
    used_by: TemplateUses


class TemplateVersionRow(Answer):
    version: int
    name: str
    subject: str
    size: Count
    updated_at: datetime


class Rendered(Answer):
    subject: str
    html: str | None
    text: str | None
