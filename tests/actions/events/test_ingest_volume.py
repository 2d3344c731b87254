"""Many events at once: few commits, none too large, and what it costs."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import POLICY, Harness, sent
from tests.actions.report_builders import (
    NO_USER,
    batch_counts,
    batch_lines,
    of_batch,
    of_message,
    report,
    suppressed_for,
)
from warmpost.actions.events.ingest_events import ingest_events
from warmpost.actions.events.ingest_step import MOST_COMMIT_BYTES, MOST_WRITES
from warmpost.actions.outbox.event_log import log_events
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.rules.model.compression import deflate
from warmpost.rules.model.writes import Put, weigh

RECIPIENTS = 2000


class Till:
    """Counts what is written."""

    def __init__(self):
        self.written = self.read_so_far = 0

    def read(self, documents):
        self.read_so_far += documents

    def write(self, documents):
        self.written += documents

    def delete(self, documents):
        pass


class Watched:
    """A store that notes the size of every commit."""

    def __init__(self, store):
        self._store = store
        self.commits = []

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def commit(self, *writes):
        self.commits.append((len(writes), sum(map(weigh, writes))))
        return await self._store.commit(*writes)


@pytest.fixture
async def harness(store):
    return await Harness(store, policy=replace(POLICY, claim_batch=100)).open()


async def large_batch(harness):
    batch = await harness.submit_list(await harness.list_of(RECIPIENTS, pages=4))
    await harness.queue.run(harness.services, until=timedelta(minutes=5))
    assert await batch_counts(harness, batch) == {"sent": RECIPIENTS}
    return batch


async def many_messages(harness, count):
    """Single sends to an address each, as workers leave them."""
    one = await harness.message(await sent_message(harness))
    for first in range(0, count, 400):
        some = range(first, min(first + 400, count))
        await harness.store.commit(
            *(Put(f"messages/m{n}", replace(one, recipients=deflate([f"m{n}@example.org"]))) for n in some)
        )
    return [f"m{number}" for number in range(count)]


async def sent_message(harness):
    message = await sent(harness)
    await harness.queue.run(harness.services, until=timedelta(minutes=6))
    return message


async def test_deliveries_and_openings_of_two_thousand_cost_less_than_sixty_writes(harness):
    batch = await large_batch(harness)
    till = Till()
    worker = harness.worker("two", store=FirestoreStore(harness.store._project, till))
    for kind in ("delivered", "opened"):
        await log_events(worker, "kumomta", [report(kind, of_batch(batch, n)) for n in range(RECIPIENTS)])
        harness.clock.advance(2)
        await ingest_events(worker)
    assert await batch_counts(harness, batch) == {"delivered": RECIPIENTS}
    assert till.written <= 60
    assert till.read_so_far <= 120


@pytest.mark.slow
async def test_ten_thousand_events_of_one_request_are_applied_in_commits_that_fit(harness):
    batch = await large_batch(harness)
    messages = await many_messages(harness, 2000)
    events = [
        report(kind, of_batch(batch, n))
        for kind in ("delivered", "opened", "clicked")
        for n in range(RECIPIENTS)
    ]
    for number, message in enumerate(messages):
        fate = (
            report("bounced", of_message(message), **NO_USER)
            if number % 2
            else report("delivered", of_message(message))
        )
        events += [fate, report("opened", of_message(message))]
    assert len(events) == 10_000
    watched = Watched(harness.store)
    worker = harness.worker("two", store=watched)
    await log_events(worker, "warmpost", events)
    assert len(watched.commits) == 1
    harness.clock.advance(2)
    await ingest_events(worker)
    assert all(
        writes <= MOST_WRITES + 1 and size <= MOST_COMMIT_BYTES + 2000 for writes, size in watched.commits
    )
    assert len(watched.commits) < 60
    assert await batch_counts(harness, batch) == {"delivered": RECIPIENTS}
    assert len(await suppressed_for(harness)) == 1000


async def test_what_does_not_fit_into_one_commit_is_halved_until_it_does(harness, monkeypatch):
    monkeypatch.setattr("warmpost.actions.events.ingest_step.WRITES_EXPECTED", 10_000)
    monkeypatch.setattr("warmpost.actions.events.ingest_step.MOST_WRITES", 40)
    messages = await many_messages(harness, 90)
    watched = Watched(harness.store)
    worker = harness.worker("two", store=watched)
    await log_events(worker, "warmpost", [report("bounced", of_message(one), **NO_USER) for one in messages])
    harness.clock.advance(2)
    await ingest_events(worker)
    assert max(writes for writes, _ in watched.commits) <= 41
    assert Counter((await suppressed_for(harness)).values()) == {"hard_bounce": 90}


async def test_many_small_logs_about_one_chunk_share_a_commit(harness):
    batch = await large_batch(harness)
    for number in range(90):
        await log_events(harness.services, "track", [report("opened", of_batch(batch, number))])
    watched = Watched(harness.store)
    harness.clock.advance(2)
    await ingest_events(harness.worker("two", store=watched))
    assert len(watched.commits) == 1
    assert watched.commits[0][0] < 100
    assert sum(line.opened > 0 for line in await batch_lines(harness, batch)) == 90


async def test_an_ingest_whose_recipients_were_written_meanwhile_applies_its_events_at_once(harness):
    batch = await large_batch(harness)
    worker = harness.worker("two", store=Overtaken(harness.store, harness, batch))
    await log_events(harness.services, "arf", [report("complained", of_batch(batch, 3))])
    harness.clock.advance(2)
    await ingest_events(worker)
    assert worker.store.was_overtaken
    assert await batch_counts(harness, batch) == {"sent": RECIPIENTS - 1, "complained": 1}


class Overtaken(Watched):
    """A store before whose first commit of an ingest another one applies an opening of the same chunk."""

    def __init__(self, store, harness, batch):
        super().__init__(store)
        self._harness = harness
        self._batch = batch
        self.was_overtaken = False

    async def commit(self, *writes):
        if not self.was_overtaken:
            self.was_overtaken = True
            await log_events(self._harness.services, "track", [report("opened", of_batch(self._batch, 4))])
            self._harness.clock.advance(2)
            await ingest_events(self._harness.services, "readers-0", "readers-1", "readers-2", "readers-3")
        return await super().commit(*writes)
