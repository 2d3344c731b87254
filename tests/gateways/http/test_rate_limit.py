"""Who asks too often: keys each by themselves, and strangers who guess."""

import pytest
from starlette.requests import Request

from tests.actions.harness import START
from tests.gateways.http.test_auth import keep
from warmpost.errors import LimitReached, Unauthorized
from warmpost.gateways.http import rate_limit
from warmpost.gateways.http.auth import Keys, Limits
from warmpost.rules.model.documents import ApiKey
from warmpost.rules.model.writes import Update
from warmpost.rules.requests.token_bucket import Rate

LIMITS = Limits(key=Rate(1, 3), wrong=Rate(0.1, 3))


class Door:
    """Keys on a clock of the test's own; counts how often the store is asked."""

    def __init__(self, store, first="the-first-key", limits=LIMITS):
        self.now, self.reads, self._store = 1000.0, 0, store
        self.keys = Keys(self, first, limits, lambda: self.now)

    async def get(self, kind, path):
        self.reads += 1
        return await self._store.get(kind, path)

    async def commit(self, *writes):
        return await self._store.commit(*writes)

    async def ask(self, token, scope="read", address="192.0.2.1"):
        headers = [(b"authorization", f"Bearer {token}".encode()), (b"x-forwarded-for", address.encode())]
        return await self.keys.caller(Request({"type": "http", "headers": headers}), scope)

    async def refused(self, token, address="192.0.2.1"):
        with pytest.raises((LimitReached, Unauthorized)) as refused:
            await self.ask(token, address=address)
        return refused.value.code, refused.value.retry_after


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(store):
    door = Door(store)
    for _ in range(3):
        await door.ask("the-first-key")
    assert await door.refused("the-first-key") == ("rate_limited", 1)
    door.now += 1
    await door.ask("the-first-key")


async def test_each_key_has_a_limit_of_its_own(store):
    door = Door(store)
    await keep(store, "k1", "s3cret", "read")
    for _ in range(3):
        await door.ask("the-first-key")
    await door.refused("the-first-key")
    assert (await door.ask("wp_k1_s3cret")).key_id == "k1"


async def test_a_key_may_have_a_rate_of_its_own(store):
    door = Door(store)
    await keep(store, "k1", "s3cret", "read")
    await store.commit(Update("keys/k1", {"rate": 5}))
    assert (await store.get(ApiKey, "keys/k1")).value.rate == 5
    for _ in range(10):
        await door.ask("wp_k1_s3cret")
    assert await door.refused("wp_k1_s3cret") == ("rate_limited", 1)


async def test_a_limit_costs_no_further_read(store):
    door = Door(store)
    await keep(store, "k1", "s3cret", "read")
    for _ in range(3):
        await door.ask("wp_k1_s3cret")
    assert door.reads == 3


async def test_strangers_who_guess_are_not_looked_up_for_ever(store):
    door = Door(store)
    for number in range(3):
        assert (await door.refused(f"wp_k{number}_guess"))[0] == "wrong_key"
    reads = door.reads
    assert await door.refused("wp_k9_guess") == ("rate_limited", 10)
    assert door.reads == reads
    door.now += 10
    assert (await door.refused("wp_k9_guess"))[0] == "wrong_key"


async def test_another_address_does_not_pay_for_it(store):
    door = Door(store)
    for _ in range(4):
        await door.refused("wp_k1_guess", "203.0.113.7, 192.0.2.1")
    assert (await door.refused("wp_k1_guess", "203.0.113.7, 192.0.2.2"))[0] == "wrong_key"


async def test_what_a_stranger_writes_into_the_header_does_not_help_behind_a_load_balancer(store):
    door = Door(store)
    for number in range(3):
        await door.refused("wp_k1_guess", f"10.0.0.{number}, 203.0.113.7, 192.0.2.1")
    assert (await door.refused("wp_k1_guess", "10.0.0.9, 203.0.113.7, 192.0.2.1"))[0] == "rate_limited"


async def test_a_key_that_was_good_stays_so_beside_strangers_who_guess(store):
    door = Door(store)
    await keep(store, "k1", "s3cret", "read")
    await door.ask("wp_k1_s3cret")
    for _ in range(4):
        await door.refused("wp_k2_guess")
    assert (await door.ask("wp_k1_s3cret")).key_id == "k1"
    await store.commit(Update("keys/k1", {"revoked_at": START}))
    await door.refused("wp_k1_s3cret")


async def test_without_limits_nobody_waits(store):
    door = Door(store, limits=Limits())
    for _ in range(50):
        await door.ask("the-first-key")
        assert (await door.refused("x"))[0] == "wrong_key"


async def test_what_strangers_make_us_remember_has_an_end(store, monkeypatch):
    monkeypatch.setattr(rate_limit, "MOST_NAMES", 5)
    door = Door(store)
    for number in range(20):
        await door.refused("wp_k1_guess", f"192.0.2.{number}")
    assert len(door.keys._rate_limit._buckets) == 5
