"""Firestore as it is at its worst: what the proxy does to commits and reads, and that our store bears it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
import pytest

from infra.local import firestore_proxy
from infra.local.firestore_proxy import OPTIONS, Faults, Proxy
from infra.local.ports import free_ports
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.errors import Moved, Unavailable
from warmpost.rules.delivery.documents import Part
from warmpost.rules.model.writes import Count, Create, Put, Update

PART = Part(b"x")


@pytest.fixture
def beside(firestore, monkeypatch):
    """A store through a proxy with these faults, and the proxy."""

    @asynccontextmanager
    async def beside(**faults: float) -> AsyncIterator[tuple[FirestoreStore, Proxy]]:
        async with grpc.aio.insecure_channel(firestore, options=OPTIONS) as channel:
            proxy = Proxy(channel, Faults(**faults))
            (port,) = free_ports(1)
            server = await firestore_proxy.start(proxy, port)
            monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
            try:
                yield FirestoreStore(f"test-{uuid.uuid4().hex[:12]}"), proxy
            finally:
                await server.stop(None)

    return beside


async def test_without_faults_everything_is_passed_on_and_counted_by_document(beside):
    async with beside() as (store, proxy):
        (version,) = await store.commit(Create("a/1", PART))
        await store.commit(Update("a/1", {"content": b"y"}, version), Put("a/2", PART))
        found = await store.find(Part, "a")
    assert [one.value.content for one in found] == [b"y", b"x"]
    assert proxy.written == {"a/1": 2, "a/2": 1}
    assert proxy.seen["commits"] == 2


async def test_answers_come_later_by_the_latency(beside):
    async with beside(latency=0.1) as (store, _):
        await store.get(Part, "a/1")
        began = time.perf_counter()
        await store.get(Part, "a/1")
        await store.commit(Put("a/1", PART))
        assert time.perf_counter() - began >= 0.2


async def test_refused_commits_are_not_applied_and_repeated_at_the_door(beside):
    async with beside(aborts=0.5) as (store, proxy):
        for number in range(20):
            await store.commit(Create(f"a/{number}", PART))
        assert proxy.seen["aborted"] > 5
        assert await store.count("a") == 20


async def test_a_lost_answer_was_applied_and_comes_back_as_a_document_that_is_there(beside):
    async with beside(lost_answers=1.0) as (store, proxy):
        with pytest.raises(Moved):
            await store.commit(Create("a/1", PART))
        proxy.faults = Faults()
        assert await store.get(Part, "a/1") is not None


async def test_what_would_count_twice_is_not_repeated(beside):
    async with beside() as (store, proxy):
        await store.commit(Count("a/1", {"n": 1}, {}))
        proxy.faults = Faults(lost_answers=1.0)
        with pytest.raises(Unavailable):
            await store.commit(Count("a/1", {"n": 1}, {}))
        proxy.faults = Faults()
        assert await store.sums("a", ["n"]) == {"n": 2}


async def test_reads_that_fail_are_asked_again(beside):
    async with beside(read_failures=0.5) as (store, proxy):
        for _ in range(20):
            assert await store.get(Part, "a/1") is None
            assert await store.find(Part, "a") == []
        assert proxy.seen["failed"] > 5


async def test_a_document_that_is_written_too_often_refuses_and_others_do_not(beside):
    async with beside(contention=1) as (store, proxy):
        await store.commit(Put("a/1", PART))
        await store.commit(Put("a/2", PART))
        assert proxy.seen["aborted"] == 0
        await asyncio.gather(*(store.commit(Put("a/1", PART)) for _ in range(2)))
        assert proxy.seen["aborted"] > 0
