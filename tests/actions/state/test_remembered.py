"""What a process remembers: documents for a moment, message contents by size, the suppressed by serial, its own turn."""

import asyncio

import pytest

from tests.actions.harness import DOMAIN, START, HandClock, address, addresses
from warmpost.actions.state import message_store, suppression_lookup
from warmpost.actions.state.cache import SECONDS, Cache
from warmpost.actions.state.message_store import MessageStore, store_parts
from warmpost.actions.state.suppression_lookup import Suppressed
from warmpost.actions.state.worker_slots import TURNS, WorkerSlots
from warmpost.actions.suppressions.manage_suppressions import suppression_path
from warmpost.rules.message.message import Attachment, Content, Mailbox, MessageContent
from warmpost.rules.message.message_packing import pack_message_content
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.documents import Name
from warmpost.rules.model.writes import Create, Delete, Put, Update
from warmpost.rules.suppressions.documents import Suppression


class Counting:
    """A store that counts its reads."""

    def __init__(self, store):
        self._store = store
        self.reads = 0

    def __getattr__(self, name):
        async def counted(*arguments, **named):
            self.reads += 1
            return await getattr(self._store, name)(*arguments, **named)

        return counted


class TestCache:
    async def test_a_document_is_read_once_in_a_few_seconds(self, store):
        counting, clock = Counting(store), HandClock()
        cache = Cache(counting, clock)
        await store.commit(Put("names/a", Name("1")))
        assert await cache.get(Name, "names/a") == Name("1")
        await store.commit(Put("names/a", Name("2")))
        assert await cache.get(Name, "names/a") == Name("1")
        assert counting.reads == 1
        clock.advance(SECONDS)
        assert await cache.get(Name, "names/a") == Name("2")

    async def test_that_there_is_none_is_remembered_too(self, store):
        counting, clock = Counting(store), HandClock()
        cache = Cache(counting, clock)
        assert await cache.get(Name, "names/a") is None
        assert await cache.get(Name, "names/a") is None
        assert counting.reads == 1
        await store.commit(Put("names/a", Name("1")))
        clock.advance(SECONDS)
        assert await cache.get(Name, "names/a") == Name("1")


async def suppress(store, *texts):
    """In one commit, so with one moment for all."""
    await store.commit(
        *(
            Create(
                suppression_path(text), Suppression(text, address_hash(text), "manual", START), "changed_at"
            )
            for text in texts
        )
    )


async def lift(store, text):
    await store.commit(Update(suppression_path(text), {"lifted": True}, stamp="changed_at"))


async def among(known, *numbers):
    return set(await known.among(addresses(*numbers), DOMAIN, START))


class TestSuppressed:
    async def test_what_changes_is_seen_at_the_next_call(self, store):
        known = Suppressed(store)
        assert await among(known, 0, 1) == set()
        await suppress(store, address(0))
        assert await among(known, 0, 1) == {address(0)}
        await suppress(store, address(1))
        await lift(store, address(0))
        assert await among(known, 0, 1) == {address(1)}

    async def test_the_case_of_an_address_does_not_save_it(self, store):
        await suppress(store, "Ann@Example.net")
        assert await Suppressed(store).among(["aNN@eXAMPLE.net"], DOMAIN, START)

    async def test_more_changes_than_one_page_are_all_seen_also_those_of_one_moment(self, store, monkeypatch):
        monkeypatch.setattr(suppression_lookup, "PAGE", 5)
        for n in range(0, 12, 3):
            await suppress(store, *addresses(n, n + 1, n + 2))
        known = Suppressed(store)
        assert await among(known, *range(12)) == set(addresses(*range(12)))
        await suppress(store, address(12))
        assert await among(known, 12) == {address(12)}

    async def test_who_asks_at_once_sees_the_same(self, store):
        known = Suppressed(store)
        await suppress(store, address(0))
        assert await asyncio.gather(*(among(known, 0) for _ in range(5))) == [{address(0)}] * 5


def message_content(size):
    file = Attachment("a.bin", bytes(range(256)) * (size // 256))
    return MessageContent(Mailbox("a@b.example"), Content("s", None, "t"), attachments=(file,))


class TestMessageStore:
    async def test_a_small_letter_stays_in_its_document(self, store):
        packed = pack_message_content(message_content(1000))
        assert await store_parts(store, "messages/m", packed) == 0
        assert await MessageStore(store).read("messages/m", packed, 0) == message_content(1000)

    async def test_a_large_one_is_put_together_from_its_parts_once(self, store):
        large = message_content(3_000_000)
        parts = await store_parts(store, "messages/m", pack_message_content(large))
        assert parts == 4
        counting = Counting(store)
        remembered = MessageStore(counting)
        for _ in range(3):
            assert await remembered.read("messages/m", b"", parts) == large
        assert counting.reads == 1

    async def test_the_least_used_are_forgotten_when_memory_is_full(self, store, monkeypatch):
        monkeypatch.setattr(message_store, "REMEMBERED_BYTES", 5_000_000)
        large = message_content(2_000_000)
        for name in "abc":
            await store_parts(store, f"messages/{name}", pack_message_content(large))
        counting = Counting(store)
        remembered = MessageStore(counting)
        for name in "abacab":
            await remembered.read(f"messages/{name}", b"", 3)
        assert counting.reads == 4
        await store.commit(*(Delete(f"messages/a/parts/{number:03d}") for number in range(3)))
        assert await remembered.read("messages/a", b"", 3) == large


class TestWorkerSlots:
    async def test_the_same_job_twice_is_answered_when_the_first_is_done(self):
        worker_slots = WorkerSlots()
        order: list[str] = []

        async def again():
            async with worker_slots.hold("chunk", "job") as free:
                order.append(f"again: {free}")

        async with worker_slots.hold("chunk", "job") as first:
            repeated = asyncio.create_task(again())
            for _ in range(5):
                await asyncio.sleep(0)
            order.append(f"first: {first}")
        await repeated
        assert order == ["first: True", "again: False"]
        await again()
        assert order[-1] == "again: True"

    async def test_the_same_job_twice_is_tried_again_where_the_first_fails(self):
        worker_slots = WorkerSlots()
        freed: list[bool] = []

        async def again():
            async with worker_slots.hold("chunk", "job") as free:
                freed.append(free)

        with pytest.raises(ValueError, match="failed"):
            async with worker_slots.hold("chunk", "job"):
                repeated = asyncio.create_task(again())
                await asyncio.sleep(0)
                raise ValueError("failed")
        await repeated
        assert freed == [True]

    async def test_another_job_at_the_same_chunk_waits_its_turn(self):
        worker_slots = WorkerSlots()
        order: list[tuple[str, str, bool]] = []

        async def work(job):
            async with worker_slots.hold("chunk", job) as free:
                order.append(("begun", job, free))
                await asyncio.sleep(0)
                order.append(("done", job, free))

        await asyncio.gather(work("one"), work("two"))
        assert order == [(step, job, True) for job in ("one", "two") for step in ("begun", "done")]

    async def test_a_job_that_fails_frees_its_slot(self):
        worker_slots = WorkerSlots()
        for _ in range(2):
            with pytest.raises(ValueError, match="failed"):
                async with worker_slots.hold("chunk", "job") as free:
                    assert free
                    raise ValueError("failed")

    async def test_two_chunks_at_a_time_are_sent_in_their_order_and_messages_pass(self):
        worker_slots = WorkerSlots()
        under_way: list[str] = []
        begun: list[str] = []

        async def take(name, shared=False):
            async with worker_slots.turn(shared):
                under_way.append(name)
                begun.append(name)
                assert sum(one.isdigit() for one in under_way) <= TURNS
                await asyncio.sleep(0.001)
                under_way.remove(name)

        waiting = [asyncio.create_task(take(str(n))) for n in range(5)]
        await asyncio.sleep(0)
        await take("message", shared=True)
        assert begun[:3] == ["0", "1", "message"]
        await asyncio.gather(*waiting)
        assert begun == ["0", "1", "message", "2", "3", "4"]
