"""Submit: accepts a batch, snapshots inline recipients, queues what follows, and answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from warmpost.actions.batches.idempotency import accept_once, earlier_answer
from warmpost.actions.batches.missing_variables import refuse_those_who_lack
from warmpost.actions.batches.plan_batch import PAGES_PER_STEP, copy_pages
from warmpost.actions.context import Services
from warmpost.actions.ports import Store
from warmpost.actions.state.message_store import store_parts
from warmpost.actions.storage.names import find_list
from warmpost.actions.templates.build_message import Written, refuse_missing, write_batch
from warmpost.errors import Conflict, Invalid
from warmpost.rules.delivery.chunks import Chunk, pack_all
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.message.message import Recipient
from warmpost.rules.message.message_packing import pack_message_content
from warmpost.rules.model.names import has_controls
from warmpost.rules.model.tasks import batch_task
from warmpost.rules.model.writes import Create, Put
from warmpost.rules.requests.limits import MOST_INLINE_RECIPIENTS, check_tags
from warmpost.rules.requests.mailboxes import read_mailbox
from warmpost.rules.requests.requests import BatchOrder, Request

CHUNKS_PER_COMMIT = 5
MOST_IN_BATCH = 20_000
"""Bytes of a packed message content that a batch document holds itself: it is read for every chunk."""


@dataclass(frozen=True, slots=True)
class Submitted:
    id: str
    recipients: int
    duplicates: int = 0
    status: BatchStatus = BatchStatus.PLANNING


async def submit_batch(services: Services, order: BatchOrder, request: Request) -> Submitted:
    """Raises the errors of `write_batch`; errors.Conflict where an idempotency key comes with another body."""
    before = await earlier_answer(services, "batch", request)
    if before is not None:
        return _answer(before)
    written, batch, chunks = await prepare_batch(services, order)
    batch_id = str(await services.store.next_number("batches"))
    path = f"batches/{batch_id}"
    if chunks:
        await _store_chunks(services.store, path, chunks)
    elif batch.list_pages <= PAGES_PER_STEP:
        batch = await copy_pages(services, path, batch)
        batch = replace(batch, status=BatchStatus.SENDING)
    packed = pack_message_content(written.message_content)
    parts = await store_parts(services.store, path, packed, MOST_IN_BATCH)
    batch = replace(batch, message_content=b"" if parts else packed, parts=parts)
    batch = _as_asked(batch, order, request, order.name or written.message_content.content.subject)
    # Queued first: if the queue fails nothing was accepted, and a task without its batch is dropped.
    await services.tasks.enqueue(
        batch_task("release" if batch.status is BatchStatus.SENDING else "plan", batch_id, 0)
    )
    words = (batch_id, batch.total, batch.duplicates, batch.status.value)
    create = Create(path, batch, bill=batch_id)
    return _answer(await accept_once(services, "batch", request, [create], words))


def _as_asked(batch: Batch, order: BatchOrder, request: Request, name: str) -> Batch:
    return replace(
        batch,
        name=name,
        key_id=request.key_id,
        schedule=request.schedule,
        run=request.run,
        on_uncertain=order.on_uncertain,
        on_block=order.on_block,
        tags=dict(order.tags),
    )


async def prepare_batch(services: Services, order: BatchOrder) -> tuple[Written, Batch, list[Chunk]]:
    """Its message content, itself and its inline recipients, nothing stored yet. Raises as `submit_batch`."""
    check_tags(order.tags)
    if has_controls(order.name):
        raise Invalid("invalid_name", "A name holds no line breaks or control characters.", "name")
    written = await write_batch(services, order)
    require_one_source(order)
    if order.list is not None:
        return written, await _from_list(services, order.list, written), []
    return written, *_from_recipients(services, order, written)


def require_one_source(order: BatchOrder) -> None:
    """Raises Invalid."""
    if (order.list is None) == (order.recipients is None):
        raise Invalid("recipients_or_list", "Give either a list or recipients.", "list")


def _answer(words: Sequence[str]) -> Submitted:
    batch_id, recipients, duplicates, status = words
    return Submitted(batch_id, int(recipients), int(duplicates), BatchStatus(status))


def _new_batch(services: Services, written: Written, total: int) -> Batch:
    return Batch(
        name="",
        status=BatchStatus.PLANNING,
        domain=written.domain,
        sender=written.message_content.sender.address,
        message_content=b"",
        parts=0,
        list_id="",
        list_pages=0,
        total=total,
        planned=0,
        chunks=0,
        created_at=services.clock.now(),
        key_id="",
        template=written.template,
        template_version=written.template_version,
        tracked=written.message_content.track.opens,
    )


async def _from_list(services: Services, reference: str, written: Written) -> Batch:
    """The list as it is now: people added later are not part of this batch."""
    found = await find_list(services.store, reference, "list")
    if found.value.count == 0:
        raise Conflict("list_empty", "The list has no recipients yet.", "list")
    await refuse_those_who_lack(services.store, found, written.required - set(found.value.variables))
    batch = _new_batch(services, written, found.value.count)
    return replace(batch, list_id=found.id, list_pages=found.value.pages)


def _from_recipients(services: Services, order: BatchOrder, written: Written) -> tuple[Batch, list[Chunk]]:
    wanted = order.recipients or ()
    if not wanted:
        raise Invalid("missing_field", "A batch needs at least one recipient.", "recipients")
    if len(wanted) > MOST_INLINE_RECIPIENTS:
        raise Invalid(
            "too_many_recipients",
            f"{MOST_INLINE_RECIPIENTS:,} recipients fit into a request; put more into a list.",
            "recipients",
        )
    unique: dict[str, Recipient] = {}
    for number, one in enumerate(wanted):
        mailbox = read_mailbox(one.to, f"recipients[{number}].to")
        data = {"name": mailbox.name, **one.data} if mailbox.name else one.data
        refuse_missing(written.required - data.keys(), f"recipients[{number}].data")
        unique.setdefault(mailbox.address.lower(), Recipient(mailbox.address, data))
    chunks = list(pack_all(unique.values()))
    batch = _new_batch(services, written, len(unique))
    return (
        replace(
            batch,
            status=BatchStatus.SENDING,
            planned=len(unique),
            chunks=len(chunks),
            duplicates=len(wanted) - len(unique),
        ),
        chunks,
    )


async def _store_chunks(store: Store, path: str, chunks: list[Chunk]) -> None:
    for start in range(0, len(chunks), CHUNKS_PER_COMMIT):
        few = list(enumerate(chunks[start : start + CHUNKS_PER_COMMIT], start))
        await store.commit(*(Put(f"{path}/chunks/{number:06d}", chunk) for number, chunk in few))
