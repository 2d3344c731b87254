"""Counts of a batch that moves on while it is counted: everybody is in one state at every look."""

from warmpost.actions.batches.report import count_batch
from warmpost.actions.delivery.find import find_batch


class MovesBetween:
    """A store whose second question for sums finds somebody counted once more, as often as is said."""

    def __init__(self, real, times):
        self._real, self.left = real, times

    def __getattr__(self, name):
        return getattr(self._real, name)

    async def sums(self, collection, fields):
        found = await self._real.sums(collection, fields)
        if collection.endswith("/progress") and self.left:
            self.left -= 1
            return found | {"sending": found["sending"] + 1}
        return found


async def test_somebody_who_moved_on_meanwhile_is_counted_once(harness):
    batch = await harness.submit(4)
    await harness.queue.run(harness.services)
    store = MovesBetween(harness.store, 2)
    worker = harness.worker("looks", store)
    counts = await count_batch(worker, await find_batch(worker, batch))
    assert (counts["sent"], sum(counts.values()), store.left) == (4, 4, 0)
