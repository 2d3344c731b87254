"""Pools of relays, and claim batches of messages spread over their connections."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from warmpost.adapters.google.metering import Metering
from warmpost.adapters.smtp.connect import Opener
from warmpost.adapters.smtp.relay_connections import RelayConnections
from warmpost.adapters.smtp.send_queue import SendQueue
from warmpost.adapters.smtp.session import Conversation
from warmpost.adapters.smtp.wire import Timeouts
from warmpost.rules.delivery.envelope import STOPPED, Outcome, Outgoing
from warmpost.rules.delivery.relay_selection import (
    Closed,
    Nobody,
    choose_relay,
    closed_for,
    connections_wanted,
)
from warmpost.rules.delivery.throttling import Gate
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.usage import Usage

_GOODBYE = 1.0
LAST_MESSAGE, LAST_REPLY = 3.0, 6.5
"""Seconds after `leave` until no content is begun, and until no reply is awaited: the platform grants ten in all."""


class Relays:
    """Keeps connections warm from one claim batch to the next, for all claim batches of one event loop.

    secret: the value of a named secret. local_hostname: how we greet (EHLO). jitter: 0 to 1, spreads pauses.
    """

    def __init__(
        self,
        *,
        secret: Callable[[str], str],
        local_hostname: str,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 -- frozen
        jitter: Callable[[], float] = random.random,
        metering: Metering | None = None,
    ) -> None:
        self._opener = Opener(secret, local_hostname, timeouts)
        self._jitter = jitter
        self._metering = metering or Metering()
        self._stations: dict[Relay, RelayConnections] = {}
        self._changed = asyncio.Event()
        self._queues: set[SendQueue] = set()

    async def hand_over(
        self,
        pool: Pool,
        claim_batch: Sequence[Outgoing],
        *,
        stop_at: float | None = None,
        gates: Sequence[Gate] = (),
    ) -> list[Outcome]:
        """Hand each message to a relay of the pool, at most once unless a relay said no to it.

        Outcomes are in the order given; a relay's faults are outcomes, never exceptions. stop_at: time of the running
        event loop; no content is begun after it, and what was not begun is NOT_TRIED. gates: for each message the one it
        passes, none where nothing is held back. Cancelled, it closes the
        connections it used. Several calls may run side by side: connections that one no longer needs serve the next.
        """
        time = asyncio.get_running_loop().time
        work = SendQueue(claim_batch, time, stop_at, gates)
        self._queues.add(work)
        try:
            return await self._hand_over(pool, work, len(claim_batch))
        finally:
            self._queues.discard(work)
            self._metering.add(Usage(relay_egress=work.written))

    async def _hand_over(self, pool: Pool, work: SendQueue, count: int) -> list[Outcome]:
        time = asyncio.get_running_loop().time
        relays = [self._station(relay) for relay in pool.relays]
        if work.has_waiting():
            lanes = connections_wanted(count, [connections.standing() for connections in relays], time())
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(self._work(relays, work))
        if work.is_stopped():
            return work.outcomes(STOPPED)
        return work.outcomes(_why(pool, relays))

    def closed(self, pool: Pool) -> Closed | None:
        """What every message of the pool would hear at this moment, without trying any; None where one may be tried."""
        relays = [self._station(relay) for relay in pool.relays]
        now = asyncio.get_running_loop().time()
        seconds = closed_for([connections.standing() for connections in relays], now)
        return Closed(_why(pool, relays), seconds) if seconds > 0 else None

    async def reach(self, pool: Pool) -> str:
        """Why no relay of the pool lets us in, empty where one does. Relays that are left alone are asked all the same."""
        relays = [self._station(relay) for relay in pool.relays if relay.weight > 0]
        for connections in relays:
            standing = connections.standing()
            if standing.idle or standing.busy:
                return ""
            conversation = await connections.connection()
            if conversation is not None:
                connections.take_back(conversation)
                self._announce()
                return ""
        return _why(pool, relays)

    def leave(self) -> None:
        """The process is about to end: has every claim batch come to an end in time for its results to be recorded."""
        loop = asyncio.get_running_loop()
        for claim_batch in self._queues:
            claim_batch.stop_by(loop.time() + LAST_MESSAGE)
        loop.call_later(LAST_REPLY, self._quit)

    def _quit(self) -> None:
        for connections in self._stations.values():
            for conversation in connections.connections():
                conversation.quit()

    async def close(self) -> None:
        """Say goodbye on every connection; those in use are closed as they are."""
        conversations = [c for connections in self._stations.values() for c in connections.connections()]
        self._stations.clear()
        for conversation in conversations:
            conversation.quit()
        try:
            async with asyncio.timeout(_GOODBYE):
                for conversation in conversations:
                    await conversation.closed.wait()
        except TimeoutError:
            for conversation in conversations:
                conversation.hang_up()

    def _station(self, relay: Relay) -> RelayConnections:
        if relay not in self._stations:
            time = asyncio.get_running_loop().time
            self._stations[relay] = RelayConnections(relay, self._opener, time, self._jitter)
        return self._stations[relay]

    async def _work(self, relays: list[RelayConnections], work: SendQueue) -> None:
        """One connection after the other, until nothing is waiting or no relay is left."""
        while True:
            try:
                async with asyncio.timeout_at(work.stop_at):
                    found = await self._next_connection(relays, work)
            except TimeoutError:
                return
            if found is None:
                return
            connections, conversation = found
            try:
                await conversation.work_on(work)
            finally:
                connections.take_back(conversation)
                self._announce()

    async def _next_connection(
        self, relays: list[RelayConnections], work: SendQueue
    ) -> tuple[RelayConnections, Conversation] | None:
        time = asyncio.get_running_loop().time
        while work.has_waiting():
            if pause := work.pause():
                await asyncio.sleep(pause)
                continue
            choice = choose_relay([connections.standing() for connections in relays], time())
            if choice is Nobody.DOWN:
                return None
            if choice is Nobody.BUSY:
                await self._changed.wait()
                continue
            for connections, credit in zip(relays, choice.credits, strict=True):
                connections.credit = credit
            connections = relays[choice.index]
            try:
                conversation = await connections.connection()
            finally:
                self._announce()
            if conversation is not None:
                return connections, conversation
        return None

    def _announce(self) -> None:
        """Wake those that wait for a connection."""
        self._changed.set()
        self._changed = asyncio.Event()


def _why(pool: Pool, relays: list[RelayConnections]) -> str:
    if not relays:
        return f"the pool {pool.name!r} has no relay"
    said = "; ".join(
        f"{connections.relay.name}: {connections.reason or 'no connection to be had'}"
        for connections in relays
    )
    return f"no relay of pool {pool.name} takes mail: {said}"
