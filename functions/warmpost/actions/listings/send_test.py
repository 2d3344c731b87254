"""A test mail of a template: to one address, marked as a test, and without a trace in the domain's reputation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warmpost.actions.batches.send_message import Accepted, send_message
from warmpost.actions.context import Services
from warmpost.actions.lists.manage_lists import recipient_at
from warmpost.actions.templates.manage_templates import template_version
from warmpost.rules.requests.requests import Request, SendOrder

MARK = "[Test] "
TAGS = {"test": "yes"}


@dataclass(frozen=True, slots=True)
class TemplateTest:
    """data, or the data of the list's recipient at that position. version: None for the newest."""

    sender: str
    to: str
    data: Mapping[str, object] = field(default_factory=dict)
    list: str | None = None
    position: int = 0
    version: int | None = None


async def send_test(
    services: Services, reference: int | str, test: TemplateTest, request: Request
) -> Accepted:
    """Raises NotFound, and the errors of `send_message`."""
    template = await template_version(services, reference, test.version)
    data = dict(test.data)
    if test.list is not None:
        data = dict((await recipient_at(services, test.list, test.position)).data) | data
    order = SendOrder(
        sender=test.sender,
        to=(test.to,),
        subject=MARK + template.value.subject,
        template=template.id,
        template_version=template.value.version,
        data=data,
        tags=TAGS,
        is_test=True,
    )
    return await send_message(services, order, request)
