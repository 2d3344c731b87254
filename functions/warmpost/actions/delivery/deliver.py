"""Deliver: one turn at a chunk of a batch or at a single send, read as a line of guards, each of which may end it.

Open · take the lease · ended? · held? · carry over volume · drop the suppressed · send, claim batch by claim batch ·
record · requeue. Before each claim batch, the first included, it is asked whether the batch still runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warmpost.actions.context import Services
from warmpost.actions.delivery.carry_over import CarriedOver, carry_over
from warmpost.actions.delivery.delivery_job import ChunkDelivery, DeliveryJob, open_delivery
from warmpost.actions.delivery.dispatch_gate import DispatchGate
from warmpost.actions.delivery.finish_batch import finish_batch
from warmpost.actions.delivery.leases import Lease, LeaseLostError
from warmpost.actions.delivery.prefetch import ClaimBatch, ClaimBatches, Prefetch
from warmpost.actions.delivery.requeue import is_due, requeue, retry_later, sleeps
from warmpost.actions.delivery.resend_uncertain import try_again
from warmpost.actions.delivery.turn_record import TurnRecord
from warmpost.actions.outages.sleep_through_outage import asleep_since
from warmpost.actions.warmup.holds import find_hold
from warmpost.errors import Conflict, Unavailable
from warmpost.rules.delivery.documents import BatchStatus
from warmpost.rules.delivery.envelope import STOPPED, HandOver, Outcome, Outgoing
from warmpost.rules.delivery.simulator import simulate
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.delivery.throttling import Gate
from warmpost.rules.message.message import Unrenderable

FENCE = 0.8
"""Of a lease: no message is begun later than that after its claim."""

RUNS_FOR = 0.1
"""Seconds for which a worker takes it for granted that a batch runs, for all its chunks together."""


@dataclass(frozen=True, slots=True)
class BatchTurn:
    """As much of a batch as every claim batch asks for."""

    status: BatchStatus
    generation: int = 0


async def deliver(services: Services, job: DeliveryJob, *, is_probe: bool = False) -> None:
    """is_probe: asks a relay for all that sleep; a job of a batch that sleeps does nothing else.

    Raises NotStoredYetError; errors.Conflict where another worker took over, errors.Unavailable where the store or the
    queue fails: the task comes again."""
    if not is_probe and not job.resend and services.worker_slots.is_asleep((job.batch, job.generation)):
        return
    async with services.worker_slots.hold(job.path, job) as is_free:
        if not is_free:
            return
        delivery = await open_delivery(services, job)
        if delivery is None:
            return
        lease = Lease(services, job.path, len(delivery.recipients), bool(job.message))
        await lease.read()
        if wait := lease.others_end_in:
            await requeue(services, job, f"leased-{lease.seen}", lease, services.clock.timestamp() + wait)
            return
        lease.take_over(
            "hold" if delivery.ending else delivery.on_uncertain, delivery.stretch, delivery.job.day
        )
        turn = _Turn(services, delivery, lease)
        try:
            await turn.run()
        except LeaseLostError:
            await lease.settle(turn.record.unrecorded)
            raise Conflict("taken_over", f"Another worker took {job.path} over.") from None
        if lease.progress.is_finished and job.batch:
            await finish_batch(services, job.batch)


class _Turn:
    """pending: positions that are to be sent in this turn."""

    def __init__(self, services: Services, delivery: ChunkDelivery, lease: Lease) -> None:
        self._services = services
        self._delivery = delivery
        self._lease = lease
        self.record = TurnRecord(services, delivery, lease)
        self._gate = DispatchGate(services, delivery)
        self._claim_batches = ClaimBatches(services, delivery)
        self._carried = CarriedOver()
        self._pending: list[int] = []
        self._today = services.today()
        self._ends = services.clock.timestamp() + services.policy.work_limit

    async def run(self) -> None:
        try:
            await self._take_turn()
        except LeaseLostError:
            raise
        except BaseException:
            await self.record.save()
            raise

    async def _take_turn(self) -> None:
        again = await try_again(self._services, self._delivery, self._lease)
        if again:
            self.record.told_anew()
        self._pending = self._due(again)
        if await self._has_ended() or await self._is_held():
            return
        await self._carry_over()
        await self._drop_suppressed()
        quick, slow = self._gate.divided([one for one in self._pending if one not in self.record.unrecorded])
        if await self._send_quick(quick, and_close=not slow) and slow:
            await self._send_slow(slow)
        await self._requeue()

    def _due(self, again: Sequence[int]) -> list[int]:
        """Queued recipients of the released stretch, deferred ones whose time has come, and those tried `again`."""
        progress, now = self._lease.progress, self._services.clock.timestamp()
        queued = [one for one in progress.positions(Status.QUEUED) if one in self._delivery.stretch]
        if not is_due(progress, now) and not self._delivery.ending:
            return sorted({*queued, *again})
        return sorted(queued + progress.positions(Status.DEFERRED))

    async def _has_ended(self) -> bool:
        """Whoever is still unsent of a batch that has ended ends with it, and the reserved volume comes back."""
        ending = self._delivery.ending
        if ending is None:
            return False
        self.record.end(self._pending, ending, self._delivery.reason)
        await self._close()
        return True

    async def _is_held(self) -> bool:
        hold = await find_hold(self._services, self._delivery.domain.domain)
        if hold is None:
            return False
        if self._lease.was_taken_over:
            await self._close()
        await requeue(self._services, self._delivery.job, hold.why, self._lease, hold.until.timestamp())
        return True

    async def _carry_over(self) -> None:
        self._carried = await carry_over(self._services, self._lease, self._delivery, self._pending)
        self._pending = [one for one in self._pending if one not in self._carried.waiting]

    async def _drop_suppressed(self) -> None:
        if not self._pending:
            return
        addresses = {position: self._delivery.recipients[position].address for position in self._pending}
        found = await self._services.suppressed.among(
            set(addresses.values()),
            self._delivery.domain.domain,
            self._services.clock.now(),
            transactional=bool(self._delivery.job.message),
        )
        for position, address in addresses.items():
            if reason := found.get(address):
                self.record.end([position], Status.SUPPRESSED, f"the address is suppressed: {reason}")

    async def _send_quick(self, quick: Sequence[int], *, and_close: bool) -> bool:
        """Whether nothing came between. The results are recorded before the next chunk has its turn."""
        async with (
            self._claim_batches.ahead(quick) as ahead,
            self._services.worker_slots.turn(shared=bool(self._delivery.job.message)),
        ):
            goes_on = await self._send_all(ahead)
            if and_close or not goes_on:
                await self._close()
        return goes_on

    async def _send_slow(self, slow: Sequence[int]) -> None:
        async with self._services.worker_slots.slow_turn() as is_free:
            if is_free:
                async with self._claim_batches.ahead(slow) as ahead:
                    await self._send_all(ahead, slowly=True)
            await self._close()

    async def _send_all(self, ahead: Prefetch, slowly: bool = False) -> bool:
        """Whether nothing came between."""
        for positions in ahead.claim_batches:
            if not await self._may_send() or not self._gate.is_open(positions):
                return False
            claim_batch = await ahead.take()
            if not slowly:
                claim_batch = claim_batch.only(self._gate.divided(claim_batch.positions)[0])
            await self._send(claim_batch, slowly)
            if self._gate.stalled or self._is_over():
                return False
        return True

    async def _may_send(self) -> bool:
        """Pausing and cancelling take effect before the next claim batch, within RUNS_FOR; so does a block."""
        if self._services.worker_slots.is_closing:
            return False
        if not self._delivery.job.batch:
            return True
        runs = await self._turn_of_batch(RUNS_FOR)
        return bool(runs and runs.status.is_running) and not await self._is_blocked()

    async def _is_blocked(self) -> bool:
        return await find_hold(self._services, self._delivery.domain.domain) is not None

    async def _turn_of_batch(self, seconds: float = 0.0) -> BatchTurn | None:
        """At most so many seconds old. None where a newer delivery job has come in place of this one."""
        job, path = self._delivery.job, f"batches/{self._delivery.job.batch}"
        found = await self._services.cache.get(BatchTurn, path, seconds)
        if found and found.generation < job.generation:  # remembered from before a resume
            found = await self._services.cache.get(BatchTurn, path, 0.0)
        return found if found and found.generation == job.generation else None

    async def _send(self, claim_batch: ClaimBatch, slowly: bool) -> None:
        """Claim, hand over, judge. Results are recorded by the next claim or by `_close`."""
        if not claim_batch.positions:
            return
        outgoing, outcomes = self._sorted(claim_batch)
        time = asyncio.get_running_loop().time
        asked = time()
        stop_at = asked + FENCE * self._services.policy.lease
        await self.record.claim(claim_batch.positions)
        for position, message in zip(claim_batch.positions, claim_batch.messages, strict=True):
            if isinstance(message, Unrenderable):
                self.record.end([position], Status.FAILED, message.reason)
        began = time()
        if began - asked > RUNS_FOR and await self._was_stopped():
            not_tried = Outcome(HandOver.NOT_TRIED, "", None, STOPPED)
            self.record.judge(outcomes | dict.fromkeys(outgoing, not_tried))
            return
        handed = await self._hand_over(outgoing, stop_at, self._gate.gates(outgoing) if slowly else ())
        self.record.judge(outcomes | handed)
        self._gate.heard(handed, time() - began, slowly=slowly)

    async def _was_stopped(self) -> bool:
        """While a claim took its time. What cannot be asked counts as yes: whoever was claimed is tried another time."""
        try:
            return not await self._may_send()
        except Unavailable:
            return True

    def _sorted(self, claim_batch: ClaimBatch) -> tuple[dict[int, Outgoing], dict[int, Outcome]]:
        """Messages for a relay, and what the simulator says of those that are for it."""
        outgoing: dict[int, Outgoing] = {}
        outcomes: dict[int, Outcome] = {}
        for position, message in zip(claim_batch.positions, claim_batch.messages, strict=True):
            address = self._delivery.recipients[position].address
            simulated = simulate(address, self._services.policy.simulator_domain)
            if isinstance(message, Unrenderable):
                continue
            if simulated is not None:
                outcomes[position] = simulated
            else:
                outgoing[position] = message
        return outgoing, outcomes

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

    def _is_over(self) -> bool:
        """The task's time, the day, or this process: what is left takes another turn."""
        is_late = self._services.clock.timestamp() > self._ends or self._services.today() != self._today
        return is_late or self._services.worker_slots.is_closing

    async def _close(self) -> None:
        pool, batch = self._delivery.pool.name, self._delivery.job.batch
        if self._gate.stalled and batch:
            self._gate.stalled_since = await asleep_since(self._services, pool, batch)
        await self.record.close(self._gate, self._pending)

    async def _requeue(self) -> None:
        """Tasks for what is left: at once, after a stall, or when deferred recipients are due."""
        progress, job, now = self._lease.progress, self._delivery.job, self._services.clock.timestamp()
        left = [one for one in progress.positions(Status.QUEUED) if one in self._delivery.stretch]
        waiting = self._carried.resume_at
        if waiting and self._carried.waiting.issuperset(left):
            await requeue(self._services, job, "volume", self._lease, waiting.timestamp())
        elif self._gate.stalled and left and await sleeps(self._services, self._delivery):
            return
        elif left and await self._comes_again():
            ready = [one for one in left if one not in self._carried.waiting]
            await requeue(
                self._services, job, "rest", self._lease, now + self._gate.delay(progress, now, ready)
            )
        if progress.retry_at and progress.positions(Status.DEFERRED):
            await retry_later(self._services, job, progress)

    async def _comes_again(self) -> bool:
        """Not where the batch is paused: resuming makes its tasks anew."""
        if self._gate.stalled or not self._delivery.job.batch:
            return True
        turn = await self._turn_of_batch()
        return bool(turn and (turn.status.is_running or turn.status.unsent_become))
