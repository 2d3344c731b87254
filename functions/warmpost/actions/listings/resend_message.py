"""Resend: a new message with the content of an old one, to all of its recipients or some."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from warmpost.actions.batches.send_message import Accepted
from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import DeliveryJob, message_content_path
from warmpost.actions.delivery.find import find_message, require_content
from warmpost.actions.state.message_store import store_parts
from warmpost.actions.templates.build_message import require_verified
from warmpost.actions.warmup.reserve_single import admit_single
from warmpost.errors import Invalid
from warmpost.rules.delivery.documents import Message
from warmpost.rules.delivery.progress import begin
from warmpost.rules.delivery.simulator import simulate
from warmpost.rules.delivery.stored_progress import store_progress
from warmpost.rules.listings.listing import order_key
from warmpost.rules.message.message_packing import pack_message_content
from warmpost.rules.model.compression import deflate, inflate
from warmpost.rules.model.derived_ids import address_hash, short_hash, task_name
from warmpost.rules.model.writes import Create

RESEND_OF = "resend_of"
"""The tag by which a message names the one that it repeats."""


async def resend_message(
    services: Services, message_id: str, to: Sequence[str] | None, key_id: str
) -> Accepted:
    """to: of the old one's recipients, None for all.

    Raises NotFound, Invalid for a stranger, Conflict for a domain that may not send, or LimitReached.
    """
    stored = await find_message(services, message_id)
    old = stored.value
    require_content(old)
    await require_verified(services, old.domain)
    recipients = _chosen(inflate(old.recipients), to)
    new_id = short_hash(secrets.token_bytes(16), length=24)
    digest = short_hash("resend", new_id)
    path = message_content_path(stored.id, old.digest)
    content = await services.message_store.read(path, old.message_content, old.parts)
    real = [one for one in recipients if simulate(one, services.policy.simulator_domain) is None]
    day = await admit_single(services, old.domain, len(real)) if real else services.today()
    packed = pack_message_content(content)
    parts = await store_parts(services.store, message_content_path(new_id, digest), packed)
    message = _new(services, old, new_id, recipients)
    message = replace(
        message,
        message_content=b"" if parts else packed,
        parts=parts,
        digest=digest,
        key_id=key_id,
        day=day,
        tags={**old.tags, RESEND_OF: stored.id},
    )
    name = task_name("send", new_id, round(message.created_at.timestamp() * 1000))
    await services.tasks.enqueue(DeliveryJob(message=new_id).task(name))
    await services.store.commit(Create(f"messages/{new_id}", message))
    return Accepted(new_id, len(recipients))


def _chosen(known: Sequence[str], to: Sequence[str] | None) -> list[str]:
    if to is None:
        return list(known)
    by_name = {one.lower(): one for one in known}
    for number, one in enumerate(to):
        if one.strip().lower() not in by_name:
            raise Invalid(
                "invalid_field",
                f"{one[:254]} is no recipient of this message; it went to {', '.join(known[:5])}.",
                f"to[{number}]",
            )
    if not to:
        raise Invalid("missing_field", "Name at least one recipient, or leave `to` out for all.", "to")
    return list(dict.fromkeys(by_name[one.strip().lower()] for one in to))


def _new(services: Services, old: Message, new_id: str, recipients: Sequence[str]) -> Message:
    now = services.clock.now()
    return replace(
        old,
        recipients=deflate(list(recipients)),
        hashes=tuple(address_hash(one) for one in recipients),
        created_at=now,
        progress=store_progress(begin(len(recipients)), 0),
        generation=0,
        schedule="",
        run=None,
        raw_id="",
        listed=order_key(new_id, now),
    )
