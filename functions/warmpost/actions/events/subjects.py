"""What the subject of a batch's mail was for each of its recipients, for whoever is told of what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.events.locate import Place
from warmpost.actions.outbox.notifications import MOST_WEBHOOKS
from warmpost.errors import Invalid
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.message.message import Recipient
from warmpost.rules.webhooks.webhooks import Webhook


async def subjects(
    services: Services, place: Place, recipients: Sequence[Recipient], otherwise: str
) -> Callable[[int], str]:
    """By place in the chunk. otherwise: of single sends, of batches whose content is gone, and where nobody is told."""
    batch = await services.cache.get(Batch, place.path) if place.batch else None
    kept = batch is not None and (batch.message_content or batch.parts)
    if batch is None or not kept or not await services.cache.every(Webhook, "webhooks", MOST_WEBHOOKS):
        return lambda position: otherwise
    content = await services.message_store.read(place.path, batch.message_content, batch.parts)
    only = replace(content.content, html=None, text=None)

    def rendered(position: int) -> str:
        try:
            data = {**content.data, **recipients[position].data}
            return services.templates.preview(only, data).subject
        except Invalid:
            return otherwise

    return rendered if "{" in only.subject else lambda position: only.subject
