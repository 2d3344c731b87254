"""A batch or a single send by the id that a caller gave."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.errors import Conflict, NotFound
from warmpost.rules.delivery.documents import Batch, Message
from warmpost.rules.model.derived_ids import send_message_id
from warmpost.rules.model.writes import Stored

MOST_ID = 64


async def find_batch(services: Services, batch_id: str) -> Stored[Batch]:
    """Raises NotFound."""
    known = batch_id.isascii() and batch_id.isdigit() and len(batch_id) < 16
    batch = await services.store.get(Batch, f"batches/{int(batch_id)}") if known else None
    if batch is None:
        raise NotFound("batch_not_found", f"There is no batch {batch_id[:100]!r}.")
    return batch


async def find_message(services: Services, message_id: str) -> Stored[Message]:
    """Raises NotFound."""
    known = message_id.isascii() and message_id.isalnum() and len(message_id) <= MOST_ID
    message = await services.store.get(Message, f"messages/{message_id}") if known else None
    if message is None:
        raise NotFound("message_not_found", f"There is no message {message_id[:MOST_ID]!r}.")
    return message


def require_content(value: Batch | Message) -> None:
    """Raises Conflict where the content is gone: its time was over, or somebody was erased who got it."""
    if not (value.message_content or value.parts):
        raise Conflict(
            "content_gone", "The content of this is not kept any more, so it cannot be sent again."
        )


MOST_FOUND = 100


async def find_by_message_id(services: Services, message_id: str) -> list[str]:
    """Ids of messages with this Message-ID, without brackets: of ours, or of those that came whole; newest first."""
    name, _, domain = message_id.partition("@")
    own = name.rpartition(".")[2]
    if own and message_id == send_message_id(services.policy.project, own, domain):
        return [own]
    found = await services.store.fields(
        "messages", ("raw_id", "==", message_id), select=("created_at",), limit=MOST_FOUND
    )
    return [id for id, _ in sorted(found, key=lambda one: one[1]["created_at"], reverse=True)]
