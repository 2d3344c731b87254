"""Probe: asks a pool that takes no mail with one chunk for all that sleep, and wakes them once it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import partial

from warmpost.actions.context import Services
from warmpost.actions.delivery.deliver import deliver
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.outages.sleep_through_outage import outage_path, queue_probe
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.identity.domains import RelayPool
from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.relays import Pool
from warmpost.rules.model.tasks import batch_task
from warmpost.rules.model.writes import Delete, Update
from warmpost.rules.outages.outages import PROBE_DELAYS, Outage


async def probe_pool(services: Services, name: str, turn: str, step: str) -> None:
    """turn: of the chain of probes; another one may be in force by now. Raises what `deliver` raises: it comes again."""
    stored = await services.store.get(Outage, outage_path(name))
    if stored is None or stored.value.turn != turn:
        return
    await _not_too_soon(services, name)
    if await _takes_mail(services, name, stored.value):
        await retry_on_conflict(lambda: _wake_all(services, name))
        return
    outage, patience = stored.value, services.policy.retries.give_up
    await _wake(services, outage.overdue(services.clock.timestamp(), patience))
    closed = services.relays.closed(await _pool(services, name))
    await queue_probe(services, name, outage, short_hash(step), closed.seconds if closed else 0.0)


async def _not_too_soon(services: Services, name: str) -> None:
    """A worker whose clock is behind asks for a probe in the queue's past, which comes at once, again and again."""
    probed, clock = services.worker_slots.probed, services.clock
    await asyncio.sleep(max(0.0, probed.get(name, 0.0) + PROBE_DELAYS[0] - clock.timestamp()))
    probed[name] = clock.timestamp()


async def _takes_mail(services: Services, name: str, outage: Outage) -> bool:
    """A relay that lets us in may still refuse every message: one chunk is sent before the others wake."""
    pool = await _pool(services, name)
    if await services.relays.reach(pool):
        return False
    try:
        await deliver(services, DeliveryJob(**json.loads(outage.job)), is_probe=True)
    except NotStoredYetError:
        return True
    return services.relays.closed(pool) is None


async def _pool(services: Services, name: str) -> Pool:
    stored = await services.cache.get(RelayPool, f"pools/{name}")
    return Pool(stored.name, stored.relays) if stored else services.policy.shared_pool


async def _wake_all(services: Services, name: str) -> None:
    """The outage is over once all are awake; who went to sleep meanwhile is woken in another try. Raises errors.Moved."""
    stored = await services.store.get(Outage, outage_path(name))
    if stored is None:
        return
    await _wake(services, stored.value.asleep)
    await services.store.commit(Delete(stored.path, stored.version))
    services.cache.forget(stored.path)


async def _wake(services: Services, asleep: Mapping[str, int]) -> None:
    for batch, generation in asleep.items():
        await retry_on_conflict(partial(_woken, services, batch, generation))
        await services.tasks.enqueue(batch_task("release", batch, "woken", generation + 1))


async def _woken(services: Services, batch_id: str, generation: int) -> None:
    """Its tasks were dropped, so they are made anew under the next generation; one that has ended ends with them.

    Raises errors.Moved.
    """
    batch = await services.store.get(Batch, f"batches/{batch_id}")
    if batch is None or batch.value.generation != generation:
        return
    status = batch.value.status
    if status.is_running or status.unsent_become:
        changes = {"generation": generation + 1, "queued": 0}
        await services.store.commit(Update(batch.path, changes, batch.version))
        services.cache.forget(batch.path)
