"""What one process keeps of what readers do: packed, bounded, and never in a reader's way."""

import asyncio

from tests.actions.report_builders import of_batch, report
from warmpost.actions.events.reader_actions import note
from warmpost.actions.state.reader_buffer import MOST_WAITING, ReaderBuffer
from warmpost.errors import Unavailable
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.reported_status import MOST_ACTS


class SlowStore:
    """Commits when it is told to."""

    def __init__(self, store):
        self._store = store
        self.free = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def commit(self, *writes):
        await self.free.wait()
        return await self._store.commit(*writes)


async def test_openings_that_come_during_a_write_share_the_next(harness):
    slow = SlowStore(harness.store)
    worker = harness.worker("reader", store=slow)
    readers = [
        asyncio.create_task(note(worker, report("opened", of_batch("1", number)))) for number in range(200)
    ]
    await asyncio.sleep(0.05)
    slow.free.set()
    await asyncio.gather(*readers)
    logs = await harness.store.find(EventLog, "events")
    assert sum(one.value.count for one in logs) == 200
    assert len(logs) <= 2


async def test_a_reader_is_answered_while_the_database_hangs_and_the_event_is_kept_later(harness):
    slow = SlowStore(harness.store)
    worker = harness.worker("reader", store=slow)
    began = asyncio.get_running_loop().time()
    await note(worker, report("opened", of_batch("1", 1)))
    assert asyncio.get_running_loop().time() - began < 2
    assert await harness.store.find(EventLog, "events") == []
    slow.free.set()
    await worker.reader_buffer.writing
    assert len(await harness.store.find(EventLog, "events")) == 1


async def test_a_reader_waits_for_the_own_write_and_not_for_those_behind_it(harness):
    slow = SlowStore(harness.store)
    worker = harness.worker("reader", store=slow)
    first = asyncio.create_task(note(worker, report("opened", of_batch("1", 1))))
    await asyncio.sleep(0.01)
    slow.free.set()
    behind = []
    while not first.done():
        behind.append(asyncio.create_task(note(worker, report("opened", of_batch("1", len(behind))))))
        await asyncio.sleep(0)
    assert worker.reader_buffer.is_writing
    await asyncio.gather(*behind)


async def test_a_write_that_fails_for_now_is_tried_again(harness, monkeypatch):
    monkeypatch.setattr("warmpost.actions.events.reader_actions.PAUSES", (0.01, 0.01))
    worker = harness.worker("reader", store=Failing(harness.store, times=2))
    await note(worker, report("opened", of_batch("1", 1)))
    await worker.reader_buffer.writing
    assert len(await harness.store.find(EventLog, "events")) == 1


async def test_what_cannot_be_kept_is_said_with_its_number(harness, monkeypatch, caplog):
    monkeypatch.setattr("warmpost.actions.events.reader_actions.PAUSES", ())
    worker = harness.worker("reader", store=Failing(harness.store, times=9))
    await asyncio.gather(*(note(worker, report("opened", of_batch("1", number))) for number in range(3)))
    assert any("opened of 1, position 0, and 2 others" in record.message for record in caplog.records)


class Failing:
    def __init__(self, store, times):
        self._store = store
        self._times = times

    async def commit(self, *writes):
        self._times -= 1
        if self._times >= 0:
            raise Unavailable("store_unavailable", "The store does not answer.")
        return await self._store.commit(*writes)


def test_one_picture_that_is_loaded_for_ever_is_kept_as_often_as_it_counts():
    buffer = ReaderBuffer()
    for number in range(800):
        buffer.add(report("opened", of_batch("1", 0), seconds=number))
    assert len(buffer.take().events) == MOST_ACTS
    assert buffer.add(report("clicked", of_batch("1", 0)))
    assert buffer.add(report("opened", of_batch("1", 1)))


def test_a_buffer_that_nobody_empties_does_not_grow_for_ever():
    buffer = ReaderBuffer()
    for number in range(MOST_WAITING + 10):
        buffer.add(report("opened", of_batch("1", number)))
    taken = 0
    while some := buffer.take():
        taken += len(some.events)
    assert taken == MOST_WAITING
