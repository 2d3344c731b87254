"""The model of the store does what the database does: the same writes and questions, answered by both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.simulation.store import Documents, chosen_fields, stored_all, sums
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.errors import Moved
from warmpost.rules.model.writes import Add, Count, Create, Delete, Put, Update, Write

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EXAMPLES = 25


@dataclass(frozen=True, slots=True)
class Thing:
    name: str = ""
    size: int = 0
    at: datetime | None = None
    tags: tuple[int, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


names = st.sampled_from(["a", "b", "c", "d"])
things = st.builds(
    Thing,
    name=st.sampled_from(["", "x", "y"]),
    size=st.integers(-3, 3),
    at=st.sampled_from([None, NOON]),
    tags=st.lists(st.integers(0, 3), max_size=2).map(tuple),
    counts=st.dictionaries(st.sampled_from(["sent", "left"]), st.integers(0, 5), max_size=2),
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "z"]),
        "size": st.one_of(st.integers(-3, 3), st.integers(1, 3).map(Add)),
        "counts.sent": st.integers(1, 3).map(Add),
    },
).filter(bool)
kinds = st.sampled_from(["create", "put", "update", "held update", "count", "delete", "held delete"])
steps = st.lists(st.lists(st.tuples(kinds, names, things, changes), min_size=1, max_size=3), max_size=8)

WHERES: list[tuple[Any, ...]] = [
    (),
    (("size", ">", 0),),
    (("name", "==", "x"),),
    (("name", "in", ("x", "z")),),
    (("tags", "array_contains", 2),),
    (("counts.sent", ">", 0),),
]


def write(kind: str, path: str, thing: Thing, change: dict[str, Any], versions: dict[str, Any]) -> Write:
    match kind:
        case "create":
            return Create(path, thing)
        case "put":
            return Put(path, thing)
        case "update":
            return Update(path, change)
        case "held update":
            return Update(path, change, versions.get(path))
        case "count":
            return Count(path, {"size": 1, "counts.sent": 2}, {"name": "x"})
        case "delete":
            return Delete(path)
        case _:
            return Delete(path, versions.get(path))


async def outcome(commit: Any, writes: list[Write], versions: dict[str, Any]) -> str:
    try:
        found = await commit
    except Moved:
        return "moved"
    for one, version in zip(writes, found, strict=True):
        versions[one.path] = None if isinstance(one, Delete) else version
    return "done"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps, st.integers(1, 3))
async def test_writes_and_questions_have_the_same_answers(store: FirestoreStore, history, limit):
    real, model = store, Documents(NOON.timestamp)
    root = f"runs/{next(numbers)}/things"
    kept: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for commit in history:
        one_each = {f"{root}/{name}": (kind, thing, change) for kind, name, thing, change in commit}
        writes = [
            [write(kind, path, thing, change, versions) for path, (kind, thing, change) in one_each.items()]
            for versions in kept
        ]

        async def commit_model(wanted: list[Write] = writes[1]) -> list[int]:
            return model.commit(wanted)

        answers = [
            await outcome(real.commit(*writes[0]), writes[0], kept[0]),
            await outcome(commit_model(), writes[1], kept[1]),
        ]
        assert answers[0] == answers[1], (answers, writes[1])
    await same_answers(real, model, root, limit)


async def same_answers(real: FirestoreStore, model: Documents, root: str, limit: int) -> None:
    for name in "abcd":
        found, modelled = await real.get(Thing, f"{root}/{name}"), model.get(Thing, f"{root}/{name}")
        assert (found and found.value) == (modelled and modelled.value)
    for where in WHERES:
        found_all = await real.find(Thing, root, *where)
        assert shown(found_all) == shown(
            stored_all(Thing, model.select(root, where, None, False, None, None))
        )
        assert await real.count(root, *where) == len(found_all)
    for descending in (False, True):
        ordered = await real.find(Thing, root, order_by="size", descending=descending, limit=limit)
        assert shown(ordered) == shown(
            stored_all(Thing, model.select(root, (), "size", descending, None, limit))
        )
    after = await real.find(Thing, root, after="b", limit=limit)
    assert shown(after) == shown(stored_all(Thing, model.select(root, (), None, False, "b", limit)))
    rows = await real.fields(root, select=("size", "counts.sent"))
    assert rows == chosen_fields(model.select(root, (), None, False, None, None), ("size", "counts.sent"))
    everything = model.select(root, (), None, False, None, None)
    assert await real.sums(root, ["size", "counts.sent"]) == sums(everything, ["size", "counts.sent"])


def shown(found: Any) -> list[tuple[str, Thing]]:
    return [(one.id, one.value) for one in found]


numbers = iter(range(1_000_000))


async def test_numbers_are_never_given_twice(store: FirestoreStore):
    model = Documents(NOON.timestamp)
    for step in (1, 3, 1):
        assert await store.next_number("things", step) == model.next_number("things", step)
