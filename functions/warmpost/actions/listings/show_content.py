"""A message as it went out, composed again for one recipient from what is kept of it.

The same content makes the same message, but for its signature's moment and for links: those are shown as they were written,
so that whoever looks does not count as a reader.
"""

from __future__ import annotations

from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery, DeliveryJob, open_chunk, open_delivery
from warmpost.actions.delivery.find import find_batch, find_message
from warmpost.actions.delivery.recipient_status import read_chunk_statuses, read_message_statuses
from warmpost.errors import Invalid, NotFound
from warmpost.rules.delivery.chunks import Chunk
from warmpost.rules.message.message import Unrenderable
from warmpost.rules.tracking.tracking import NOTHING

GONE = NotFound("message_forgotten", "Nothing is kept of this message any more.")


async def message_content_of(services: Services, message_id: str, position: int) -> bytes:
    """Octets as a relay gets them (RFC 5322). Raises NotFound, or Invalid where it cannot be made."""
    stored = await find_message(services, message_id)
    if not (stored.value.message_content or stored.value.parts):
        raise GONE
    delivery = await open_delivery(services, DeliveryJob(message=stored.id))
    if delivery is None:
        raise GONE
    statuses = await read_message_statuses(services.store, stored.id, stored.value)
    at = statuses.progress.sent_at(position) if position < len(delivery.recipients) else 0.0
    return await _composed(services, delivery, position, at or stored.value.created_at.timestamp())


async def batch_content_of(services: Services, batch_id: str, position: int) -> bytes:
    """For the recipient of that place in the batch. Raises as `message_content_of`."""
    batch = await find_batch(services, batch_id)
    if not (batch.value.message_content or batch.value.parts):
        raise GONE
    chunks = await services.store.find(
        Chunk, f"{batch.path}/chunks", ("first", "<=", position), order_by="first", descending=True, limit=1
    )
    if not chunks or position >= chunks[0].value.end:
        raise NotFound("recipient_not_found", f"Batch {batch.id} has no recipient {position}.")
    chunk = chunks[0]
    delivery = await open_chunk(services, DeliveryJob(batch.id, chunk.id), batch.value)
    if delivery is None:
        raise GONE
    place = position - chunk.value.first
    statuses = await read_chunk_statuses(services.store, batch.id, chunk.id, chunk.value.count)
    at = statuses.progress.sent_at(place) or batch.value.created_at.timestamp()
    return await _composed(services, delivery, place, at)


async def _composed(services: Services, delivery: ChunkDelivery, place: int, at: float) -> bytes:
    if place >= len(delivery.recipients):
        raise NotFound("recipient_not_found", f"There is no recipient {place}.")
    untracked = replace(delivery.message_content, track=NOTHING)
    composer = services.signing_pool.composer(untracked, delivery.domain.domain, delivery.domain.keys)
    (made,) = await composer.compose([delivery.composing_job(place, services.policy, at)])
    if isinstance(made, Unrenderable):
        raise Invalid("cannot_render", made.reason)
    return b"".join(made.content)
