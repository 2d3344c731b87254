"""Sleep: while no relay of a pool takes mail its batches wait without any task, and one probe per pool asks for them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from warmpost.actions.context import Services
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.rules.model.derived_ids import short_hash, task_name
from warmpost.rules.model.relays import Pool
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Create, Update
from warmpost.rules.outages.outages import Outage, Sleeper, begin_outage, probe_delay

PROBE_MARGIN = 1.0
"""Seconds: the queue's clock is not ours, and a relay is tried once its pause is over."""


def outage_path(pool: str) -> str:
    return f"outages/{pool}"


async def sleep_through_outage(services: Services, pool: Pool, sleeper: Sleeper) -> bool:
    """Whether the chunk needs no task of its own, because a probe wakes its batch. Raises errors.Unavailable, Moved.

    A process that has left the relay alone for a while asks it once before it believes that it is still down.
    """
    if services.relays.closed(pool) is None:
        return False
    known = await services.store.get(Outage, outage_path(pool.name))
    if not (
        known and known.value.knows(sleeper.batch, sleeper.generation)
    ) and not await services.relays.reach(pool):
        return False
    outage = await retry_on_conflict(lambda: _asleep(services, pool.name, sleeper))
    closed = services.relays.closed(pool)
    if services.worker_slots.probes.get(pool.name) != outage.turn:
        await queue_probe(services, pool.name, outage, outage.turn, closed.seconds if closed else 0.0)
        services.worker_slots.probes[pool.name] = outage.turn
    services.worker_slots.note_asleep((sleeper.batch, sleeper.generation))
    return True


async def _asleep(services: Services, pool: str, sleeper: Sleeper) -> Outage:
    """Written before any task of the batch is dropped. Raises errors.Moved."""
    path, now = outage_path(pool), services.clock.timestamp()
    stored = await services.store.get(Outage, path)
    if stored and stored.value.knows(sleeper.batch, sleeper.generation):
        return stored.value
    turn = short_hash(secrets.token_bytes(16), length=12)
    if stored is None:
        outage = begin_outage(sleeper, now, turn)
        await services.store.commit(Create(path, outage))
        return outage
    outage = stored.value.with_batch(sleeper, now, turn)
    changes = {name: getattr(outage, name) for name in Outage.__slots__}
    await services.store.commit(Update(path, changes, stored.version))
    return outage


async def queue_probe(services: Services, pool: str, outage: Outage, step: str, closed_for: float) -> None:
    """step: what names it within the chain, so that asking for it again makes no second one."""
    now = services.clock.timestamp()
    at = datetime.fromtimestamp(now + probe_delay(outage, now, closed_for) + PROBE_MARGIN, UTC)
    name = task_name("probe", short_hash(pool, outage.turn, step))
    await services.tasks.enqueue(Task("probe", {"pool": pool, "turn": outage.turn, "step": step}, name, at))


async def asleep_since(services: Services, pool: str, batch: str) -> float:
    """Since when the batch has waited for a relay, epoch seconds; 0 where it does not sleep."""
    outage = await services.cache.get(Outage, outage_path(pool))
    return outage.waits.get(batch, 0.0) if outage else 0.0
