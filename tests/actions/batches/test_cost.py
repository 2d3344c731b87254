"""What sending costs in documents written: tens for a thousand recipients."""

from tests.actions.harness import Harness, addresses, unique
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.operations.policy import Policy

COUNT = 2000
MOST_PER_THOUSAND = 25


class Counter:
    def __init__(self):
        self.reads = self.writes = self.deletes = 0

    def read(self, documents):
        self.reads += documents

    def write(self, documents):
        self.writes += documents

    def delete(self, documents):
        self.deletes += documents


async def test_a_thousand_recipients_cost_tens_of_writes(store):
    counter = Counter()
    policy = Policy("harness", Pool("shared", (Relay("r1", "127.0.0.1", 25),)))
    harness = await Harness(FirestoreStore(f"test-{unique()}", counter), policy=policy).open()
    number = await harness.list_of(COUNT, COUNT // 500)
    counter.writes = 0
    batch = await harness.submit_list(number)
    await harness.queue.run(harness.services)
    assert (await harness.batch(batch)).status == "done"
    assert harness.relays.times_handed == dict.fromkeys(addresses(*range(COUNT)), 1)
    assert counter.writes <= MOST_PER_THOUSAND * COUNT / 1000


async def test_tasks_that_come_again_cost_no_further_writes(store):
    counter = Counter()
    harness = await Harness(FirestoreStore(f"test-{unique()}", counter)).open()
    await harness.submit(6)
    await harness.queue.run(harness.services)
    counter.writes = 0
    harness.queue.waiting += harness.queue.made
    await harness.queue.run(harness.worker("two"))
    assert counter.writes == 0
