"""Looks whether queues and relays answer, in a time that whoever asks will wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from warmpost.adapters.google.cloud_tasks import CloudTasks
from warmpost.adapters.smtp.connect import NotOpened, Opener
from warmpost.adapters.smtp.wire import Timeouts
from warmpost.rules.model.relays import Relay
from warmpost.rules.model.tasks import Queue
from warmpost.rules.operations.health import QueueState

REMEMBERED = 15.0
"""Seconds for which a relay is not asked again, however many ask here."""

MOST_REMEMBERED = 500
TIMEOUTS = Timeouts(connect=3, command=4, idle=1)


class Probes:
    """Implements `actions.ports.Probes`. secret, local_hostname: as of `smtp.relays.Relays`."""

    def __init__(self, tasks: CloudTasks, secret: Callable[[str], str], local_hostname: str) -> None:
        self._tasks = tasks
        self._opener = Opener(secret, local_hostname, TIMEOUTS)
        self._known: dict[Relay, tuple[float, str]] = {}

    async def queue(self, name: Queue, now: datetime) -> QueueState:
        return await self._tasks.state(name, now)

    async def relay(self, relay: Relay) -> str:
        """Connects, encrypts, greets and logs in as a worker does, and hands over nothing."""
        time = asyncio.get_running_loop().time
        at, reason = self._known.get(relay, (-REMEMBERED, ""))
        if time() - at < REMEMBERED:
            return reason
        try:
            conversation = await self._opener.open(relay)
            conversation.quit()
            reason = ""
        except NotOpened as refusal:
            reason = str(refusal)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[relay] = (time(), reason)
        return reason
