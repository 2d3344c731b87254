"""Commits that take along what was used; what a store says it read and wrote is what went over the wire."""

from collections import Counter
from dataclasses import dataclass

import pytest

from tests.firestore_wire import FirestoreWire
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.adapters.google.metering import Metering
from warmpost.errors import Moved
from warmpost.rules.model.usage import REST, Usage
from warmpost.rules.model.writes import Count, Create, Delete, Put, Update


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    size: int = 0
    cost: Usage = Usage()


@pytest.fixture
def metering():
    return Metering()


@pytest.fixture
def wire(firestore):
    with FirestoreWire(firestore) as opened:
        yield opened


@pytest.fixture
def metered(store, wire, metering, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", wire.host)
    return FirestoreStore(store._project, metering=metering)


async def cost_of(store, path):
    found = await store.get(Thing, path)
    return found.value.cost


async def test_everything_a_store_does_is_counted_as_it_is_billed(metered, wire, metering):
    await metered.commit(*(Create(f"things/{n}", Thing(f"n{n}", n), stamp="at") for n in range(5)))
    await metered.commit(Update("things/1", {"size": 7}), Delete("things/2"), Count("counts/a", {"x.y": 1}))
    await metered.get(Thing, "things/1")
    await metered.get(Thing, "things/missing")
    await metered.find(Thing, "things")
    await metered.find(Thing, "things", ("size", ">", 100))
    await metered.fields("things", select=("name",), limit=2)
    await metered.count("things", ("size", "<", 100))
    await metered.sums("things", ["size"])
    await metered.next_number("things")
    with pytest.raises(Moved):
        await metered.commit(Create("things/1", Thing("again")))
    used = metering.kept[REST]
    assert Counter(used.as_amounts()) == wire.seen
    assert used == Usage(reads=11, writes=8, deletes=1)


async def test_a_billed_commit_takes_everything_along_and_itself(metered, metering):
    metering.give_back("7", Usage(reads=4, tasks=2))
    await metered.commit(Create("things/1", Thing("one"), bill="7"), Put("things/2", Thing("two")))
    assert await cost_of(metered, "things/1") == Usage(reads=4, writes=2, tasks=2)
    await metered.commit(Update("things/1", {"size": 1}, bill="7"))
    assert await cost_of(metered, "things/1") == Usage(reads=4, writes=3, tasks=2)
    assert "7" not in metering.kept


async def test_figures_add_their_cost_up(metered, metering):
    for _ in range(3):
        metering.give_back("7", Usage(relay_egress=1000))
        await metered.commit(Count("figures/7", {"by.other.sent": 5}, {"name": "7"}, bill="7"))
    assert await cost_of(metered, "figures/7") == Usage(writes=3, relay_egress=3000)


async def test_of_several_billed_to_one_only_the_first_takes_it(metered, metering):
    metering.give_back("7", Usage(reads=4))
    metering.give_back("8", Usage(reads=1))
    counts = [Count(f"figures/{n}", {}, {"name": name}, bill=name) for n, name in enumerate("778")]
    await metered.commit(*counts)
    costs = [await cost_of(metered, f"figures/{n}") for n in range(3)]
    assert costs == [Usage(reads=4, writes=3), Usage(), Usage(reads=1)]


async def test_a_commit_that_fails_leaves_it_for_the_next(metered, metering):
    await metered.commit(Put("things/1", Thing("there")))
    metering.give_back("7", Usage(reads=4))
    with pytest.raises(Moved):
        await metered.commit(Create("things/1", Thing("again"), bill="7"))
    assert metering.kept["7"] == Usage(reads=4)
    await metered.commit(Create("things/2", Thing("new"), bill="7"))
    assert await cost_of(metered, "things/2") == Usage(reads=4, writes=1)
