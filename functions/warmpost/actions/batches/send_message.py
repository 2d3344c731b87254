"""Send: accepts one message for up to 50 recipients and queues its delivery."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from warmpost.actions.batches.idempotency import refuse_other_body
from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import DeliveryJob, message_content_path
from warmpost.actions.state.message_store import store_parts
from warmpost.actions.templates.build_message import Written, write_message
from warmpost.actions.templates.build_raw import write_raw
from warmpost.actions.warmup.reserve_single import admit_single
from warmpost.errors import Forbidden, Invalid, Moved
from warmpost.rules.delivery.documents import Message
from warmpost.rules.delivery.progress import begin
from warmpost.rules.delivery.simulator import simulate
from warmpost.rules.delivery.stored_progress import store_progress
from warmpost.rules.listings.listing import order_key
from warmpost.rules.message.message_packing import pack_message_content
from warmpost.rules.model.compression import deflate
from warmpost.rules.model.derived_ids import address_hash, short_hash, task_name
from warmpost.rules.model.writes import Create, Stored
from warmpost.rules.requests.limits import check_tags
from warmpost.rules.requests.mailboxes import read_mailbox
from warmpost.rules.requests.requests import Request, SendOrder


@dataclass(frozen=True, slots=True)
class Accepted:
    id: str
    recipients: int


async def send_message(services: Services, order: SendOrder, request: Request) -> Accepted:
    """Raises the errors of `write_message` and `admit_single`; errors.Conflict where an idempotency key comes with
    another body.
    """
    message_id = _message_id(request)
    if request.idempotency_key:
        before = await services.store.get(Message, f"messages/{message_id}")
        if before is not None:
            return await _again(services, before, request)
    recipients, written = await prepare_message(services, order)
    check_bound(written, request)
    real = [one for one in recipients if simulate(one, services.policy.simulator_domain) is None]
    day = await admit_single(services, written.domain, len(real)) if real else services.today()
    path = f"messages/{message_id}"
    packed = pack_message_content(written.message_content)
    parts = await store_parts(services.store, message_content_path(message_id, request.digest), packed)
    message = _message(services, order, request, written, recipients)
    listed = order_key(message_id, message.created_at)
    message = replace(message, message_content=b"" if parts else packed, parts=parts, day=day, listed=listed)
    # Queued first: if the queue fails nothing was accepted, and a task without its message is dropped.
    await _queue(services, message_id, message)
    try:
        await services.store.commit(Create(path, message))
    except Moved:
        existing = await services.store.get(Message, path)
        if existing is None:
            raise
        return await _again(services, existing, request)
    return Accepted(message_id, len(recipients))


async def prepare_message(services: Services, order: SendOrder) -> tuple[list[str], Written]:
    """Its recipients and its message content, nothing stored yet. Raises as `send_message`."""
    recipients = _recipients(order)
    written = await write_raw(services, order) if order.raw else await write_message(services, order)
    check_tags({**written.tags, **order.tags})
    return recipients, written


def check_bound(written: Written, request: Request) -> None:
    """Raises Forbidden where the caller may send from another address alone."""
    sender = written.message_content.sender.address
    if request.domains and written.domain not in request.domains:
        reason = f"This key may send from {', '.join(request.domains)} only."
        raise Forbidden("domain_not_allowed", reason, "from")
    if request.sender and sender.lower() != request.sender.lower():
        raise Forbidden(
            "sender_not_allowed",
            f"This password sends from {request.sender} alone, not from {sender}.",
            "from",
        )


def _message_id(request: Request) -> str:
    if request.message_id:
        return request.message_id
    if request.idempotency_key:
        return short_hash("send", request.key_id, request.idempotency_key, length=24)
    return short_hash(secrets.token_bytes(16), length=24)


async def _again(services: Services, before: Stored[Message], request: Request) -> Accepted:
    """The same answer for the same request; its task is named, so asking for it again makes no second one."""
    refuse_other_body(before.value.digest, request)
    await _queue(services, before.id, before.value)
    return Accepted(before.id, len(before.value.hashes))


async def _queue(services: Services, message_id: str, message: Message) -> None:
    """Named by its moment as well: under one key an earlier request's task may have come and found nothing stored."""
    name = task_name("send", message_id, round(message.created_at.timestamp() * 1000))
    await services.tasks.enqueue(DeliveryJob(message=message_id).task(name))


def _recipients(order: SendOrder) -> list[str]:
    """Each address once, in the order of to, cc and bcc."""
    found: dict[str, str] = {}
    for field, texts in (("to", order.to), ("cc", order.cc), ("bcc", order.bcc)):
        for number, text in enumerate(texts):
            address = read_mailbox(text, f"{field}[{number}]").address
            found.setdefault(address.lower(), address)
    if not found:
        raise Invalid("missing_field", "A message needs at least one recipient in `to`, `cc` or `bcc`.", "to")
    if len(order.to) + len(order.cc) + len(order.bcc) > order.most_recipients:
        raise Invalid(
            "too_many_recipients",
            f"A message has {order.most_recipients} recipients at most; use a batch.",
            "to",
        )
    return list(found.values())


def _message(
    services: Services, order: SendOrder, request: Request, written: Written, recipients: list[str]
) -> Message:
    return Message(
        domain=written.domain,
        sender=written.message_content.sender.address,
        subject=written.message_content.content.subject,
        message_content=b"",
        parts=0,
        recipients=deflate(recipients),
        hashes=tuple(address_hash(one) for one in recipients),
        digest=request.digest,
        created_at=services.clock.now(),
        key_id=request.key_id,
        progress=store_progress(begin(len(recipients)), 0),
        on_uncertain=order.on_uncertain,
        template=written.template,
        template_version=written.template_version,
        tracked=written.message_content.track.opens,
        schedule=request.schedule,
        run=request.run,
        tags={**written.tags, **order.tags},
        raw_id=written.message_id,
        is_test=order.is_test,
    )
