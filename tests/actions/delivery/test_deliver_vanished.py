"""A worker that ends at any step of its work: another one finishes, and everybody is accounted for."""

import asyncio

import pytest

from tests.actions.faults import Fate, mortal_worker
from tests.actions.harness import Harness, a_request, address, addresses, send_order, statuses, unique
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
        await at_every_step(store, lambda harness: harness.submit(FEW, on_uncertain=policy), policy)

    async def test_a_batch_to_a_list(self, store):
        async def submit(harness):
            return await harness.submit_list(await harness.list_of(FEW, 2))

        await at_every_step(store, submit, "hold")

    async def test_a_message(self, store):
        step = 0
        while True:
            step += 1
            harness = await Harness(fresh(store)).open()
            accepted = await send_message(
                harness.services, send_order(*addresses(0, 1), on_uncertain="hold"), a_request()
            )
            fate = Fate(step)
            await vanish(harness, fate)
            await harness.queue.run(harness.worker("two"))
            progress = (await harness.message(accepted.id)).progress
            assert set(progress.results) <= set("su"), (step, progress.results)
            assert set(harness.relays.times_handed.values()) <= {1}, step
            if not fate.is_over:
                assert progress.results == "ss"
                return


async def at_every_step(store, submit, policy):
    step = 0
    while True:
        step += 1
        harness = await Harness(fresh(store)).open()
        batch = await submit(harness)
        fate = Fate(step)
        await vanish(harness, fate)
        await harness.queue.run(harness.worker("two"))
        await everybody_is_accounted_for(harness, batch, policy, step)
        if not fate.is_over:
            return


async def vanish(harness, fate):
    try:
        await harness.queue.run(mortal_worker(harness, "one", fate))
    except asyncio.CancelledError:
        assert fate.is_over


async def everybody_is_accounted_for(harness, batch, policy, step):
    value = await harness.batch(batch)
    assert value.status == "done", (step, value)
    ends = []
    for chunk in range(value.chunks):
        found = await harness.store.get(ProgressFields, f"batches/{batch}/progress/{chunk:06d}")
        progress = load_progress(found.value, 0)
        assert progress.is_finished, (step, progress)
        ends += statuses(progress)
    assert len(ends) == FEW
    handed = harness.relays.times_handed
    claim_batch = harness.policy.claim_batch
    if policy == "hold":
        assert ends.count("uncertain") <= claim_batch, (step, ends)
        assert set(ends) <= {"sent", "uncertain"}, (step, ends)
        assert set(handed.values()) <= {1}, (step, handed)
        assert all(handed[address(n)] == 1 for n in range(FEW) if ends[n] == "sent"), step
    else:
        assert set(ends) == {"sent"}, (step, ends)
        assert set(handed) == set(addresses(*range(FEW))), step
        assert sum(handed.values()) <= FEW + claim_batch, (step, handed)
