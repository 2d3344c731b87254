"""Flush usage: what was used up and no commit took along, written down once it is worth a write."""

from __future__ import annotations

import logging
import zlib

from warmpost.actions.context import Services
from warmpost.errors import Moved, Unavailable
from warmpost.rules.model.writes import Count

SHARDS = 2
"""Documents of a day that processes share for it."""

log = logging.getLogger("warmpost")


async def flush_usage(services: Services) -> None:
    """One write for each name that is overdue. A failure keeps it for the next time."""
    overdue = services.metering.overdue()
    if not overdue:
        return
    today, shard = services.today(), zlib.crc32(services.worker.encode()) % SHARDS
    for name in overdue:
        labels = {"domain": "", "day": today, "name": name}
        try:
            await services.store.commit(Count(f"days/{today}/figures/{name}-{shard}", {}, labels, bill=name))
        except (Moved, Unavailable) as error:
            log.warning("what %s used up could not be written down: %s", name, error)
