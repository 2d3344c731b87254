"""Deliver: claim, drop the suppressed, send in claim batches, record: for one chunk of a batch or one single send.

The order of writes is the guarantee. A claim batch is claimed before its first message meets a socket, and its results are
recorded with the claim of the next. Whatever ends the worker in between, the claim shows which messages are in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from warmpost.actions.context import Services
from warmpost.actions.delivery.carry_over import CarriedOver, carry_over
from warmpost.actions.delivery.delivery_job import ChunkDelivery, DeliveryJob, open_batch_chunk, open_message
from warmpost.actions.delivery.dispatch_gate import DispatchGate
from warmpost.actions.delivery.finish_batch import finish_batch
from warmpost.actions.delivery.leases import Lease, LeaseLostError
from warmpost.actions.delivery.prefetch import ClaimBatch, ClaimBatches, Prefetch
from warmpost.actions.delivery.requeue import is_due, next_retry, requeue, retry_later
from warmpost.actions.delivery.resend_uncertain import try_again
from warmpost.actions.delivery.worker_events import book, worker_events
from warmpost.actions.outbox.event_log import ask_for_ingest, log_writes
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.warmup.day_counters import ask_for_assessment
from warmpost.actions.warmup.holds import Hold, find_hold
from warmpost.errors import Unavailable
from warmpost.rules.delivery import progress as rules
from warmpost.rules.delivery.documents import Batch, Message
from warmpost.rules.delivery.envelope import HandOver, Outcome, Outgoing
from warmpost.rules.delivery.outcomes import judge, unreachable
from warmpost.rules.delivery.progress import Detail, Note, Progress, Result
from warmpost.rules.delivery.simulator import simulate
from warmpost.rules.delivery.statuses import UNFINISHED, Status
from warmpost.rules.delivery.throttling import Gate
from warmpost.rules.message.message import Unrenderable

RUNNING = ("planning", "sending")
ENDINGS: dict[str, Status] = {"cancelled": Status.CANCELLED, "failed": Status.FAILED}
"""What becomes of a batch's unsent recipients when it ends before its time."""

FENCE = 0.8
"""Of a lease: no message is begun later than that after its claim."""

LOOK_AGAIN = 0.1
"""Seconds after which a worker asks again whether a batch still runs, for all its chunks together."""


@dataclass(frozen=True, slots=True)
class BatchTurn:
    """As much of a batch as every claim batch asks for."""

    status: str
    generation: int = 0


async def deliver(services: Services, job: DeliveryJob) -> None:
    """Raises NotStoredYetError; errors.Unavailable where the store or the queue fails: the task comes again."""
    async with services.worker_slots.hold(job.path, job) as free:
        if not free:
            return
        delivery = await _open(services, job)
        if delivery is None:
            return
        lease = Lease(services, job.path, len(delivery.recipients), bool(job.message))
        progress = await lease.read()
        now = services.clock.timestamp()
        if rules.is_leased(progress, services.worker, now):
            await requeue(services, job, "leased", lease, progress.lease_until)
            return
        policy = "hold" if delivery.ending else delivery.on_uncertain
        lease.progress = rules.reserve(
            rules.take_over(progress, policy, now), delivery.stretch, delivery.job.day
        )
        turn = _Turn(services, delivery, lease, progress)
        try:
            await turn.run()
        except LeaseLostError:
            await lease.settle(turn.unrecorded)
            raise Unavailable("taken_over", f"Another worker took {job.path} over.", retry_after=1) from None
        if lease.progress.is_finished and job.batch:
            await finish_batch(services, job.batch)


async def _open(services: Services, job: DeliveryJob) -> ChunkDelivery | None:
    """None where there is nothing to do: the batch is paused, or goes on under a newer generation."""
    if job.message:
        message = await services.store.get(Message, f"messages/{job.message}")
        if message is None:
            raise NotStoredYetError(job.path)
        return await open_message(services, job, message.value)
    batch = await services.store.get(Batch, f"batches/{job.batch}")
    if batch is None:
        raise NotStoredYetError(job.path)
    if job.resend:
        job = replace(job, generation=batch.value.generation)
    running = batch.value.status in RUNNING and batch.value.generation == job.generation
    running |= bool(job.resend) and batch.value.status == "done"
    if not running and batch.value.status not in ENDINGS:
        return None
    return await open_batch_chunk(services, job, batch.value)


class _Turn:
    """One turn at one delivery.

    found: the progress before it was taken over. A worker that vanished has told nothing of its turn, so everything is
    told again then; the ingest knows what it knew.
    """

    def __init__(self, services: Services, delivery: ChunkDelivery, lease: Lease, found: Progress) -> None:
        self._services = services
        self._delivery = delivery
        self._lease = lease
        self.unrecorded: dict[int, Result] = {}
        self._changed = lease.progress != found
        self._began = rules.begin(len(found.results)) if found.owner else lease.progress
        self._again: Sequence[int] = ()
        self._dispatch = DispatchGate(services, delivery)
        self._carried = CarriedOver()
        self._today = services.today()
        self._pending: list[int] = []
        self._claim_batches = ClaimBatches(services, delivery)
        self._ends = services.clock.timestamp() + services.policy.work_limit

    async def run(self) -> None:
        if again := await try_again(self._services, self._delivery, self._lease):
            self._again, self._began = again, self._lease.progress
        pending = self._pending = self._waiting()
        if self._delivery.ending:
            self._end(pending)
            await self._close()
            return
        if hold := await find_hold(self._services, self._delivery.domain.domain):
            await self._wait(hold)
            return
        self._carried = await carry_over(self._services, self._lease, self._delivery, pending)
        pending = self._pending = [one for one in pending if one not in self._carried.waiting]
        await self._drop_suppressed(pending)
        pending = [position for position in pending if position not in self.unrecorded]
        quick, slow = self._dispatch.divided(pending)
        async with (
            self._claim_batches.ahead(quick) as ahead,
            self._services.worker_slots.turn(shared=bool(self._delivery.job.message)),
        ):
            goes_on = await self._send_all(ahead)
            if not (goes_on and slow):
                await self._close()
        if goes_on and slow:
            await self._serve_slowly(slow)
        await self._follow_up()

    async def _serve_slowly(self, slow: Sequence[int]) -> None:
        async with self._services.worker_slots.slow_turn() as is_free:
            if is_free and await self._may_go_on():
                async with self._claim_batches.ahead(slow, slowly=True) as ahead:
                    await self._send_all(ahead, slowly=True)
            await self._close()

    async def _send_all(self, ahead: Prefetch, slowly: bool = False) -> bool:
        """Whether nothing came between."""
        for number, positions in enumerate(ahead.claim_batches):
            if number and not await self._may_go_on():
                return False
            if self._services.worker_slots.is_closing or not self._dispatch.is_open(positions):
                return False
            claim_batch = await ahead.take()
            await self._send(
                claim_batch if slowly else claim_batch.only(self._dispatch.divided(claim_batch.positions)[0]),
                slowly,
            )
            if self._dispatch.stalled or self._is_over():
                return False
        return True

    def _end(self, pending: Sequence[int]) -> None:
        """The batch has ended: whoever is still unsent ends with it, and the reserved volume comes back."""
        now, ending = self._services.clock.timestamp(), ENDINGS[self._delivery.ending]
        note = Note(now, ending, self._delivery.reason)
        self.unrecorded.update(dict.fromkeys(pending, Result(ending, note, tried=False)))

    async def _is_blocked(self) -> bool:
        return await find_hold(self._services, self._delivery.domain.domain) is not None

    async def _wait(self, hold: Hold) -> None:
        if self._changed:
            await self._close()
        await requeue(self._services, self._delivery.job, hold.why, self._lease, hold.until.timestamp())

    def _waiting(self) -> list[int]:
        """Queued recipients of the released stretch, and deferred ones whose time has come."""
        progress, now = self._lease.progress, self._services.clock.timestamp()
        queued = [one for one in progress.positions(Status.QUEUED) if one in self._delivery.stretch]
        if not is_due(progress, now) and not self._delivery.ending:
            return sorted({*queued, *self._again})
        return sorted(queued + progress.positions(Status.DEFERRED))

    async def _drop_suppressed(self, pending: Sequence[int]) -> None:
        addresses = {self._delivery.recipients[position].address for position in pending}
        found: dict[str, str] = {}
        if addresses:
            found = await self._services.suppressed.among(
                addresses,
                self._delivery.domain.domain,
                self._services.clock.now(),
                transactional=bool(self._delivery.job.message),
            )
        now = self._services.clock.timestamp()
        for position in pending:
            reason = found.get(self._delivery.recipients[position].address)
            if reason:
                note = Note(now, Status.SUPPRESSED, f"the address is suppressed: {reason}")
                self.unrecorded[position] = Result(Status.SUPPRESSED, note, tried=False)

    async def _send(self, claim_batch: ClaimBatch, slowly: bool) -> None:
        """Claim, hand over, judge. Results are recorded by the next claim or by `_close`."""
        if not claim_batch.positions:
            return
        outgoing: dict[int, Outgoing] = {}
        results: dict[int, Result] = {}
        outcomes: dict[int, Outcome] = {}
        now = self._services.clock.timestamp()
        for position, message in zip(claim_batch.positions, claim_batch.messages, strict=True):
            simulated = simulate(
                self._delivery.recipients[position].address, self._services.policy.simulator_domain
            )
            if isinstance(message, Unrenderable):
                results[position] = Result(
                    Status.FAILED, Note(now, Status.FAILED, message.reason), tried=False
                )
            elif simulated is not None:
                outcomes[position] = simulated
            else:
                outgoing[position] = message
        stop_at = asyncio.get_running_loop().time() + FENCE * self._services.policy.lease
        await self._lease.claim(self.unrecorded, claim_batch.positions)
        self.unrecorded = results
        began = asyncio.get_running_loop().time()
        handed = await self._hand_over(outgoing, stop_at, self._dispatch.gates(outgoing) if slowly else ())
        self._judge(outcomes | handed)
        self._dispatch.heard(handed, asyncio.get_running_loop().time() - began, slowly=slowly)

    async def _hand_over(
        self, outgoing: Mapping[int, Outgoing], stop_at: float, gates: Sequence[Gate]
    ) -> dict[int, Outcome]:
        """stop_at: of the event loop, counted from before the claim, whose answer may have taken its time."""
        if not outgoing:
            return {}
        async with self._lease.kept_alive():
            outcomes = await self._services.relays.hand_over(
                self._delivery.pool, list(outgoing.values()), stop_at=stop_at, gates=gates
            )
        return dict(zip(outgoing, outcomes, strict=True))

    def _judge(self, outcomes: Mapping[int, Outcome]) -> None:
        policy, now = self._services.policy, self._services.clock.timestamp()
        final = {relay.name for relay in self._delivery.pool.relays if relay.final} | {"simulator"}
        if doubts := sum(one.hand_over is HandOver.IN_DOUBT for one in outcomes.values()):
            words = f"{doubts} answers were lost of {self._delivery.job.path}"
            log_event("uncertain", words, pool=self._delivery.pool.name, recipients=doubts)
        for position, outcome in outcomes.items():
            before = self._lease.progress.details.get(position, Detail())
            self.unrecorded[position] = judge(
                outcome, before, policy.retries, self._delivery.on_uncertain, now, outcome.relay in final
            )

    def _is_over(self) -> bool:
        """The task's time, the day, or this process: what is left takes another turn."""
        is_late = self._services.clock.timestamp() > self._ends or self._services.today() != self._today
        return is_late or self._services.worker_slots.is_closing

    async def _may_go_on(self) -> bool:
        """Pausing and cancelling take effect between two claim batches, within LOOK_AGAIN."""
        if not self._delivery.job.batch:
            return True
        return await self._has_turn(RUNNING, LOOK_AGAIN) and not await self._is_blocked()

    async def _has_turn(self, statuses: Collection[str], seconds: float = 0.0) -> bool:
        """Whether the batch is in one of these states, and no newer delivery job has come in place of this one.

        seconds: how old the answer may be.
        """
        job = self._delivery.job
        found = await self._services.cache.get(BatchTurn, f"batches/{job.batch}", seconds)
        return bool(found and found.status in statuses and found.generation == job.generation)

    async def _close(self) -> None:
        """The last results, booked in the day's figures, and when to come again.

        Nothing is written where nothing happened, unless deferred recipients were due: they need another time.
        """
        progress, now = self._lease.progress, self._services.clock.timestamp()
        patience = self._services.policy.retries.give_up
        if self._dispatch.stalled and now - (progress.stalled_since or now) > patience:
            reason = f"no relay could be reached for {patience / 3600:.0f} h: {self._dispatch.stalled}"
            self._give_up(now, reason)
            log_event(
                "relay_gave_up",
                self._dispatch.stalled,
                pool=self._delivery.pool.name,
                recipients=len(self._pending),
            )
        after = self._dispatch.marked(rules.record(progress, self.unrecorded, now), now)
        overdue = is_due(progress, now) and progress.positions(Status.DEFERRED)
        if not (self.unrecorded or self._changed or progress.owner or after != progress or overdue):
            if not self._pending:
                await self._ask_again()
            return
        if is_due(after, now):
            after = replace(
                after, retry_at=next_retry(self._services.policy.retries, after, now), round=after.round + 1
            )
        after, bookings = book(self._services, self._delivery, after)
        found = worker_events(self._services, self._delivery, self._began, after)
        logged = log_writes(self._services, "worker", found) if found else []
        await self._lease.close(after, *bookings, *logged)
        if bookings:
            await ask_for_assessment(self._services, self._delivery.domain.domain)
        if logged:
            await ask_for_ingest(self._services)

    async def _ask_again(self) -> None:
        """A task that finds nothing to do may come a second time, after a worker that ended before it had asked."""
        await ask_for_assessment(self._services, self._delivery.domain.domain)
        await ask_for_ingest(self._services)

    def _give_up(self, now: float, reason: str) -> None:
        after = rules.record(self._lease.progress, self.unrecorded, now)
        for position in self._pending:
            if after.status(position) in UNFINISHED:
                self.unrecorded[position] = unreachable(now, reason)

    async def _follow_up(self) -> None:
        """Tasks for what is left: at once, after a stall, or when deferred recipients are due."""
        progress, job, now = self._lease.progress, self._delivery.job, self._services.clock.timestamp()
        left = [one for one in progress.positions(Status.QUEUED) if one in self._delivery.stretch]
        waiting = self._carried.resume_at
        if waiting and self._carried.waiting.issuperset(left):
            await requeue(self._services, job, "volume", self._lease, waiting.timestamp())
        elif left and (self._dispatch.stalled or not job.batch or await self._has_turn((*RUNNING, *ENDINGS))):
            wait = self._dispatch.delay(
                progress, now, [one for one in left if one not in self._carried.waiting]
            )
            await requeue(self._services, job, "rest", self._lease, now + wait)
        if progress.retry_at and progress.positions(Status.DEFERRED):
            await retry_later(self._services, job, progress)
