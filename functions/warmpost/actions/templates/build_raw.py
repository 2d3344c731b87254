"""From a whole message that a caller wrote to one that can be sent."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.actions.templates.build_message import Written, require_verified
from warmpost.rules.message.message import Content, MessageContent
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.raw.read_raw import read_raw
from warmpost.rules.requests.requests import SendOrder
from warmpost.rules.tracking.tracking import NOTHING, Unsubscribe


async def write_raw(services: Services, order: SendOrder) -> Written:
    """What the request says beside the message goes before what the message says itself.

    Raises errors.Invalid, NotFound, Conflict or TooLarge with the field to blame.
    """
    message = read_raw(order.raw)
    domain = domain_of(message.sender.address)
    await require_verified(services, domain)
    said = message.options
    content = MessageContent(
        sender=message.sender,
        content=Content(message.subject),
        track=order.track if order.track is not None else said.track or NOTHING,
        unsubscribe=order.unsubscribe or said.unsubscribe or Unsubscribe(),
        raw=message.content,
        written_at=int(services.clock.timestamp()),
    )
    return Written(content, domain, tags=said.tags, message_id=message.message_id)
