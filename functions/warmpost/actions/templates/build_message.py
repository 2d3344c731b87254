"""From what a caller wrote to a message that can be sent: everything that can be known to be wrong is found here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from warmpost.actions.context import Services
from warmpost.actions.storage.names import find_template
from warmpost.actions.templates.manage_templates import template_version
from warmpost.errors import Conflict, Invalid, NotFound
from warmpost.rules.identity.checks import suspension_reason
from warmpost.rules.identity.domains import Domain, SenderAddress
from warmpost.rules.message.custom_headers import check_custom_headers, has_own_unsubscribe
from warmpost.rules.message.message import Attachment, Content, Mailbox, MessageContent
from warmpost.rules.model.addresses import address_key, domain_of
from warmpost.rules.requests.attachments import check_attachments, check_pictures
from warmpost.rules.requests.limits import check_bodies, check_size, check_subject
from warmpost.rules.requests.mailboxes import read_mailbox
from warmpost.rules.requests.requests import BatchOrder, SendOrder
from warmpost.rules.tracking.tracking import EVERYTHING, NOTHING, Track, Unsubscribe


@dataclass(frozen=True, slots=True)
class Written:
    """Message content and where it came from; template is empty where it was written out, track is the template's.

    tags, message_id: what a message that came whole says itself.
    """

    message_content: MessageContent
    domain: str
    required: frozenset[str] = frozenset()
    template: str = ""
    template_version: int = 0
    track: Track | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    message_id: str = ""


async def write_message(services: Services, order: SendOrder) -> Written:
    """Raises errors.Invalid, NotFound, Conflict or TooLarge with the field to blame."""
    sender = await verified_sender(services, order.sender)
    content, source = await _content(services, order)
    message_content = MessageContent(
        sender=sender,
        content=content,
        reply_to=_mailboxes(order.reply_to, "reply_to"),
        to=_mailboxes(order.to, "to"),
        cc=_mailboxes(order.cc, "cc"),
        headers=_headers(order.headers),
        attachments=_attachments(order.attachments),
        data=order.data,
        track=_first(order.track, source.track, NOTHING),
        unsubscribe=_unsubscribe(order, Unsubscribe()),
    )
    check_size(content, message_content.attachments)
    if content.templated:
        rendered = await asyncio.to_thread(services.templates.preview, content, order.data)
        check_size(rendered, message_content.attachments)
        message_content = replace(message_content, content=rendered, data={})
    check_subject(message_content.content.subject)
    check_bodies(message_content.content, rendered=content.templated)
    check_pictures(
        message_content.content.html, message_content.attachments, "template" if source.template else "html"
    )
    return replace(source, message_content=message_content, domain=domain_of(sender.address))


async def write_batch(services: Services, order: BatchOrder) -> Written:
    """As write_message; what recipients' own data must supply is left in `required`."""
    sender = await verified_sender(services, order.sender)
    found = await _template(services, order.template, order.template_version)
    if order.subject is not None:
        check_subject(order.subject)
    subject = order.subject if order.subject is not None else found.content.subject
    content = replace(found.content, subject=subject)
    facts = await asyncio.to_thread(services.templates.inspect, content)
    message_content = MessageContent(
        sender=sender,
        content=content,
        reply_to=_mailboxes(order.reply_to, "reply_to"),
        headers=_headers(order.headers),
        attachments=_attachments(order.attachments),
        data=order.data,
        track=_first(order.track, found.track, EVERYTHING),
        unsubscribe=_unsubscribe(order, Unsubscribe(headers=True)),
    )
    check_size(content, message_content.attachments)
    check_pictures(content.html, message_content.attachments, "template")
    return Written(
        message_content=message_content,
        domain=domain_of(sender.address),
        required=facts.required - order.data.keys(),
        template=found.id,
        template_version=found.version,
    )


async def verified_sender(services: Services, text: str) -> Mailbox:
    """The From mailbox, with the sender address's own name where the caller gave none."""
    mailbox = read_mailbox(text, "from")
    await require_verified(services, domain_of(mailbox.address))
    if not mailbox.name:
        known = await services.cache.get(SenderAddress, f"addresses/{address_key(mailbox.address)}")
        mailbox = replace(mailbox, name=known.name if known else "")
    return mailbox


async def require_verified(services: Services, name: str) -> None:
    """Raises NotFound or Conflict unless mail of this domain may be sent."""
    domain = await services.store.get(Domain, f"domains/{name}")
    if domain is None:
        raise NotFound(
            "domain_not_found", f"{name} is not a sender domain here; create and verify it first.", "from"
        )
    if domain.value.status != "verified":
        raise Conflict(
            "domain_not_verified", f"{name} is not verified; publish its records and verify it first.", "from"
        )
    if domain.value.suspended_at:
        raise Conflict("domain_suspended", suspension_reason(domain.value), "from")


@dataclass(frozen=True, slots=True)
class _Found:
    id: str
    version: int
    content: Content
    track: Track | None


async def _template(services: Services, reference: str, version: int) -> _Found:
    found = await find_template(services.store, reference, "template")
    if version:
        found = await template_version(services, found.id, version, "template_version")
    value = found.value
    content = Content(value.subject, value.html or None, value.text or None, True, value.syntax)
    return _Found(found.id, value.version, content, value.track)


async def _content(services: Services, order: SendOrder) -> tuple[Content, Written]:
    nothing = Written(MessageContent(Mailbox(""), Content("")), "")
    if order.template is None:
        if order.template_version:
            raise Invalid(
                "unexpected_field", "A template's version goes with a template.", "template_version"
            )
        if order.subject is None:
            raise Invalid("missing_field", "A message without a template needs a subject.", "subject")
        if not order.html and not order.text:
            raise Invalid("missing_field", "A message without a template needs html or text.", "html")
        if order.data:
            raise Invalid(
                "unexpected_field", "Data goes with a template; html and text are sent as they are.", "data"
            )
        check_subject(order.subject)
        return Content(order.subject, order.html, order.text), nothing
    for name in ("html", "text"):
        if getattr(order, name) is not None:
            raise Invalid("unexpected_field", f"Give either a template or {name}, not both.", name)
    found = await _template(services, order.template, order.template_version)
    content = replace(
        found.content, subject=found.content.subject if order.subject is None else order.subject
    )
    facts = await asyncio.to_thread(services.templates.inspect, content)
    missing = facts.required - order.data.keys()
    refuse_missing(missing, "data")
    return content, replace(nothing, template=found.id, template_version=found.version, track=found.track)


def _first(asked: Track | None, of_template: Track | None, otherwise: Track) -> Track:
    if asked is not None:
        return asked
    return otherwise if of_template is None else of_template


def _unsubscribe(order: SendOrder | BatchOrder, otherwise: Unsubscribe) -> Unsubscribe:
    """A list host's own header field stands in place of ours; a footer that was asked for stays."""
    wanted = order.unsubscribe or otherwise
    return replace(wanted, headers=wanted.headers and not has_own_unsubscribe(order.headers))


def refuse_missing(missing: Iterable[str], field: str) -> None:
    for name in sorted(missing):
        raise Invalid("missing_variable", f"The template needs the variable {name!r}.", f"{field}.{name}")


def _mailboxes(texts: Sequence[str], field: str) -> tuple[Mailbox, ...]:
    return tuple(read_mailbox(text, f"{field}[{n}]") for n, text in enumerate(texts))


def _headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    check_custom_headers(headers)
    return tuple(headers.items())


def _attachments(attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    check_attachments(attachments)
    return attachments
