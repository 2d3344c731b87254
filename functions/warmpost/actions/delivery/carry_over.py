"""Carry over: recipients who were released on an earlier day and not sent need volume of the day they leave on.

It happens to what a block, an outage, a pause by hand or plain midnight came before. Without it a day could see its own
volume and the left-over of the day before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery
from warmpost.actions.delivery.leases import Lease, LeaseLostError
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.actions.warmup.domain_state import DomainSnapshot, keep, keep_pool, read_snapshot
from warmpost.rules.delivery import progress as rules
from warmpost.rules.delivery.simulator import simulate
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.model.writes import Write
from warmpost.rules.warmup.daily_cap import decide_release


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """waiting: positions that today has no volume for. resume_at: when to ask for them again."""

    waiting: frozenset[int] = frozenset()
    resume_at: datetime | None = None


async def carry_over(
    services: Services, lease: Lease, delivery: ChunkDelivery, pending: Sequence[int]
) -> CarriedOver:
    """Reserves today's volume for the queued of earlier days, in the commit that notes it in their progress.

    Whoever is deferred was attempted on a day of his own. Nothing is read where nobody is late. A pause holds batches
    only. Raises LeaseLostError where another worker has the chunk.
    """
    return await retry_on_conflict(lambda: _carry(services, lease, delivery, pending), on=LeaseLostError)


async def _carry(
    services: Services, lease: Lease, delivery: ChunkDelivery, pending: Sequence[int]
) -> CarriedOver:
    late = [one for one in pending if _is_late(services, lease.progress, delivery, one)]
    if not late:
        return CarriedOver()
    is_single = bool(delivery.job.message)
    snapshot = await read_snapshot(services, delivery.domain.domain)
    release = decide_release(
        len(late),
        snapshot.allowance if is_single else snapshot.batch_allowance,
        services.clock.now(),
        snapshot.day,
        pool=snapshot.pool,
        pause=None if is_single else snapshot.pause,
        blocked=snapshot.blocked,
    )
    taken, waiting = late[: release.granted], late[release.granted :]
    if taken:
        moved = rules.carry(lease.progress, taken, snapshot.today)
        await lease.write(moved, *_reserved(snapshot, len(taken), is_single))
    return CarriedOver(frozenset(waiting), snapshot.day.ends_at if is_single else release.resume_at)


def _is_late(services: Services, progress: rules.Progress, delivery: ChunkDelivery, position: int) -> bool:
    if progress.status(position) is not Status.QUEUED or progress.day(position) == services.today():
        return False
    address, simulator = delivery.recipients[position].address, services.policy.simulator_domain
    return bool(delivery.job.batch) or simulate(address, simulator) is None


def _reserved(snapshot: DomainSnapshot, amount: int, is_single: bool) -> list[Write]:
    warmup_state = replace(
        snapshot.warmup_state,
        reserved=snapshot.warmup_state.reserved + amount,
        released=snapshot.warmup_state.released + (0 if is_single else amount),
    )
    return [*keep(snapshot, warmup_state), *keep_pool(snapshot, amount)]
