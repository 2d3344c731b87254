"""What a template said before, what uses it now, and going back to an earlier version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.storage.names import find_template
from warmpost.actions.storage.needed import schedules_that_need
from warmpost.actions.storage.pagination import Listed, Page, whole_cursor
from warmpost.actions.templates.manage_templates import change_template, template_version
from warmpost.rules.delivery.documents import RUNNING
from warmpost.rules.lists.documents import Template
from warmpost.rules.model.writes import Stored

MOST_USES = 100


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """size: bytes of the three sources together."""

    version: int
    name: str
    subject: str
    size: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Uses:
    """schedules: that have not ended. batches: that run; those keep the version they began with."""

    schedules: Sequence[str]
    batches: Sequence[str]


async def list_versions(services: Services, reference: int | str, page: Page) -> Listed[TemplateVersion]:
    """Newest first, without their bodies. Raises NotFound or Invalid."""
    head = await find_template(services.store, reference)
    before = whole_cursor(page.cursor) if page.cursor is not None else head.value.version + 1
    numbers = range(before - 1, max(before - 1 - page.limit, 0), -1)
    paths = [f"{head.path}/versions/{number}" for number in numbers]
    found = [one.value for one in await services.store.some(TemplateVersion, paths) if one]
    return Listed(found, str(numbers[-1]) if numbers and numbers[-1] > 1 else None)


async def find_uses(services: Services, template: Stored[Template]) -> Uses:
    schedules = await schedules_that_need(services.store, template.path, MOST_USES)
    batches = await services.store.fields(
        "batches",
        ("template", "==", template.id),
        ("status", "in", RUNNING),
        select=("name",),
        limit=MOST_USES,
    )
    return Uses([one.id for one in schedules], [id for id, _ in batches])


async def restore_version(
    services: Services, reference: int | str, version: int, expected: int | None = None
) -> Stored[Template]:
    """A new version that says what an old one said; the name stays. Raises as `change_template`."""
    old = (await template_version(services, reference, version)).value
    said = {name: getattr(old, name) for name in ("subject", "html", "text", "track", "syntax")}
    return await change_template(services, reference, said, expected)
