"""A worker that ends at any step of its work: another one finishes, and everybody is accounted for."""

import asyncio

import pytest

from tests.actions.faults import Fate, mortal_worker
from tests.actions.workshop import Workshop, a_request, address, addresses, send_order, statuses, unique
from warmpost.actions.batches.send_message import send_message
from warmpost.rules.delivery.documents import ProgressFields
from warmpost.rules.delivery.stored_progress import load_progress

FEW = 5
"""Recipients where a batch is sent anew for every step its worker can end at."""


def fresh(store):
    """Another database, for the next way it can go wrong."""
    return type(store)(f"test-{unique()}")


class TestWorkersThatVanish:
    """At every step of every verb in turn; then another worker finishes."""

    @pytest.mark.parametrize("policy", ["hold", "resend"])
    async def test_a_batch_to_inline_recipients(self, store, policy):
        await at_every_step(store, lambda workshop: workshop.submit(FEW, on_uncertain=policy), policy)

    async def test_a_batch_to_a_list(self, store):
        async def submit(workshop):
            return await workshop.submit_list(await workshop.list_of(FEW, 2))

        await at_every_step(store, submit, "hold")

    async def test_a_message(self, store):
        step = 0
        while True:
            step += 1
            workshop = await Workshop(fresh(store)).open()
            accepted = await send_message(
                workshop.services, send_order(*addresses(0, 1), on_uncertain="hold"), a_request()
            )
            fate = Fate(step)
            await vanish(workshop, fate)
            await workshop.queue.run(workshop.worker("two"))
            progress = (await workshop.message(accepted.id)).progress
            assert set(progress.results) <= set("su"), (step, progress.results)
            assert set(workshop.relays.times_handed.values()) <= {1}, step
            if not fate.is_over:
                assert progress.results == "ss"
                return


async def at_every_step(store, submit, policy):
    step = 0
    while True:
        step += 1
        workshop = await Workshop(fresh(store)).open()
        batch = await submit(workshop)
        fate = Fate(step)
        await vanish(workshop, fate)
        await workshop.queue.run(workshop.worker("two"))
        await everybody_is_accounted_for(workshop, batch, policy, step)
        if not fate.is_over:
            return


async def vanish(workshop, fate):
    try:
        await workshop.queue.run(mortal_worker(workshop, "one", fate))
    except asyncio.CancelledError:
        assert fate.is_over


async def everybody_is_accounted_for(workshop, batch, policy, step):
    value = await workshop.batch(batch)
    assert value.status == "done", (step, value)
    ends = []
    for chunk in range(value.chunks):
        found = await workshop.store.get(ProgressFields, f"batches/{batch}/progress/{chunk:06d}")
        progress = load_progress(found.value, 0)
        assert progress.is_finished, (step, progress)
        ends += statuses(progress)
    assert len(ends) == FEW
    handed = workshop.relays.times_handed
    stride = workshop.policy.stride
    if policy == "hold":
        assert ends.count("uncertain") <= stride, (step, ends)
        assert set(ends) <= {"sent", "uncertain"}, (step, ends)
        assert set(handed.values()) <= {1}, (step, handed)
        assert all(handed[address(n)] == 1 for n in range(FEW) if ends[n] == "sent"), step
    else:
        assert set(ends) == {"sent"}, (step, ends)
        assert set(handed) == set(addresses(*range(FEW))), step
        assert sum(handed.values()) <= FEW + stride, (step, handed)
