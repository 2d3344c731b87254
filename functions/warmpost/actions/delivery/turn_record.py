"""What a worker learns in its turn at a chunk or message, and how it is written down: nobody else in the turn does.

The order of writes is the guarantee. A claim batch is claimed before its first message meets a socket, and its results
are recorded with the claim of the next. What a relay has said is recorded by itself: figures and events follow in a commit
of their own, which a busy counter may refuse for as long as it likes. Whatever ends the worker, the claim shows which
messages are in doubt, and what was recorded and not booked is booked by whoever comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery
from warmpost.actions.delivery.dispatch_gate import DispatchGate
from warmpost.actions.delivery.leases import Lease, LeaseLostError
from warmpost.actions.delivery.requeue import is_due, next_retry
from warmpost.actions.delivery.worker_events import book, worker_events
from warmpost.actions.outbox.event_log import log_writes, store_logs
from warmpost.actions.storage.log import log_event
from warmpost.actions.warmup.day_counters import ask_for_assessment
from warmpost.errors import Unavailable
from warmpost.rules.delivery import progress as rules
from warmpost.rules.delivery.envelope import HandOver, Outcome
from warmpost.rules.delivery.outcomes import judge, unreachable
from warmpost.rules.delivery.progress import Detail, Note, Progress, Result
from warmpost.rules.delivery.statuses import UNFINISHED, Status


class TurnRecord:
    """unrecorded: results that no write has taken along yet."""

    def __init__(self, services: Services, delivery: ChunkDelivery, lease: Lease) -> None:
        self._services = services
        self._delivery = delivery
        self._lease = lease
        self._told_until = rules.begin(len(lease.found.results)) if lease.found.owner else lease.progress
        self.unrecorded: dict[int, Result] = {}

    @property
    def progress(self) -> Progress:
        return self._lease.progress

    def told_anew(self) -> None:
        """What changes from here on is told; what came before was told by whoever wrote it."""
        self._told_until = self._lease.progress

    def end(self, positions: Iterable[int], status: Status, reason: str, *, tried: bool = False) -> None:
        note = Note(self._services.clock.timestamp(), status, reason)
        self.unrecorded.update(dict.fromkeys(positions, Result(status, note, tried=tried)))

    async def claim(self, positions: Sequence[int]) -> None:
        """One write: what is unrecorded, and the claim batch that goes out next."""
        await self._lease.claim(self.unrecorded, positions)
        self.unrecorded = {}

    def judge(self, outcomes: Mapping[int, Outcome]) -> None:
        delivery, now = self._delivery, self._services.clock.timestamp()
        final = {relay.name for relay in delivery.pool.relays if relay.final} | {"simulator"}
        if doubts := sum(one.hand_over is HandOver.IN_DOUBT for one in outcomes.values()):
            words = f"{doubts} answers were lost of {delivery.job.path}"
            log_event("uncertain", words, pool=delivery.pool.name, recipients=doubts)
        keep_words = delivery.tells_sent or bool(delivery.job.message)
        for position, outcome in outcomes.items():
            before = self.progress.details.get(position, Detail())
            retries, is_final = self._services.policy.retries, outcome.relay in final
            result = judge(outcome, before, retries, delivery.on_uncertain, now, is_final, keep_words)
            self.unrecorded[position] = result

    async def close(self, gate: DispatchGate, pending: Sequence[int]) -> None:
        """The last results and when to come again; then what follows of them.

        Nothing is written where nothing happened, unless deferred recipients were due: they need another time.
        """
        progress, now = self.progress, self._services.clock.timestamp()
        self._give_up_stalled(gate, pending, now)
        after = gate.marked(rules.record(progress, self.unrecorded, now), now)
        overdue = is_due(progress, now) and progress.positions(Status.DEFERRED)
        if not (
            self.unrecorded or self._lease.was_taken_over or progress.owner or after != progress or overdue
        ):
            if not pending:
                await self._ask_again()
            return
        if is_due(after, now):
            due = next_retry(self._services.policy.retries, after, now)
            after = replace(after, retry_at=due, round=after.round + 1)
        await self._write(after)

    async def save(self) -> None:
        """Whatever ended the turn: what a relay has said is recorded, without asking anything and not to be cut off."""
        if not self.unrecorded:
            return
        after = rules.record(self.progress, self.unrecorded, self._services.clock.timestamp())
        saving = asyncio.ensure_future(self._save(after))
        with suppress(Unavailable):
            await asyncio.shield(saving)

    async def _save(self, after: Progress) -> None:
        try:
            await self._lease.record(after, and_end=True)
        except LeaseLostError:
            await self._lease.settle(self.unrecorded)

    async def _write(self, after: Progress) -> None:
        booked, bookings = book(self._services, self._delivery, after)
        found = worker_events(self._services, self._delivery, self._told_until, after)
        logged = log_writes(self._services, "worker", found) if found else []
        if self.unrecorded and bookings:
            await self._lease.record(after)
            self.unrecorded = {}
        await store_logs(self._services, logged, lambda: self._lease.close(booked, *bookings, *logged))
        self.unrecorded = {}
        if bookings:
            await ask_for_assessment(self._services, self._delivery.domain.domain)

    async def _ask_again(self) -> None:
        """A task that finds nothing to do may come a second time, after a worker that ended before it had asked."""
        await ask_for_assessment(self._services, self._delivery.domain.domain)

    def _give_up_stalled(self, gate: DispatchGate, pending: Sequence[int], now: float) -> None:
        patience = self._services.policy.retries.give_up
        since = self.progress.stalled_since or gate.stalled_since or now
        if not gate.stalled or now - since <= patience:
            return
        reason = f"no relay could be reached for {patience / 3600:.0f} h: {gate.stalled}"
        after = rules.record(self.progress, self.unrecorded, now)
        for position in pending:
            if after.status(position) in UNFINISHED:
                self.unrecorded[position] = unreachable(now, reason)
        log_event("relay_gave_up", gate.stalled, pool=self._delivery.pool.name, recipients=len(pending))
