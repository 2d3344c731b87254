"""Every query has the index it needs: the emulator answers without one, Firestore refuses.

Queries are read from the source of the verbs. Equalities alone are served by the automatic entries of each field.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import pytest
import yaml

from infra.local.bootstrap import ROOT
from warmpost.actions.batches.report import COUNTED
from warmpost.adapters.google.firestore import MOST_AGGREGATIONS

ACTIONS = ROOT / "functions/warmpost/actions"
DECLARED = yaml.safe_load((ROOT / "infra/terraform/firestore.yml").read_text("utf-8"))
COLLECTION_AT = {"find": 1, "fields": 0, "count": 0, "sums": 0, "list_by_id": 2, "list_by_number": 1}
"""Which positional argument names the collection; conditions follow it."""

PASSED_ON = "pagination.py"
"""Its queries are its callers', and read there."""

Index = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Query:
    """conditions: field and operator. order: empty for by id. summed: whether fields are added up over it."""

    where: str
    collection: str
    everywhere: bool = False
    conditions: tuple[tuple[str, str], ...] = ()
    order: str = ""
    descending: bool = False
    summed: bool = False

    @property
    def scope(self) -> str:
        return "COLLECTION_GROUP" if self.everywhere else "COLLECTION"

    @property
    def equal(self) -> list[str]:
        return sorted({name for name, operator in self.conditions if operator in ("==", "in")})

    @property
    def sorted_by(self) -> list[str]:
        """Fields whose order the index has to keep."""
        ranged = [name for name, operator in self.conditions if operator in ("<", "<=", ">", ">=")]
        return list(dict.fromkeys([*ranged, *([self.order] if self.order else [])]))

    @property
    def composite(self) -> Index | None:
        fields = (*self.equal, *self.sorted_by)
        return (self.collection, self.scope, fields) if self.sorted_by and len(fields) > 1 else None

    @property
    def entries(self) -> set[tuple[str, str]]:
        """Fields and kinds of single-field entries, where no composite index serves."""
        if self.composite:
            return set()
        kind = "DESCENDING" if self.descending else "ASCENDING"
        contained = {(name, "CONTAINS") for name, operator in self.conditions if operator == "array_contains"}
        return contained | {(name, "ASCENDING") for name in self.equal} | {(n, kind) for n in self.sorted_by}


def read(source: str, file: str) -> Iterator[Query]:
    for node in ast.parse(source).body:
        for call in (one for one in ast.walk(node) if isinstance(one, ast.Call)):
            if (name := called(call)) and len(call.args) > COLLECTION_AT[name]:
                yield from queries(node, call, name, f"{file}:{call.lineno} {name}")


def called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).endswith("store"):
        name = call.func.attr
    else:
        name = call.func.id if isinstance(call.func, ast.Name) and call.func.id.startswith("list_by_") else ""
    return name if name in COLLECTION_AT else ""


def queries(function: ast.AST, call: ast.Call, name: str, where: str) -> Iterator[Query]:
    """One for each choice of the conditions that are only added at times."""
    at = COLLECTION_AT[name]
    keywords = {one.arg: one.value for one in call.keywords}
    order = constant(keywords.get("order_by"))
    if name == "list_by_number":
        always, at_times, order = [("number", ">")], [], "number"
    elif all(isinstance(one, ast.Tuple) for one in call.args[at + 1 :]) or name == "sums":
        always, at_times = list(conditions(call)), []
    else:
        chosen = [pair for one in ast.walk(function) if isinstance(one, ast.If) for pair in conditions(one)]
        always, at_times = [one for one in conditions(function) if one not in chosen], chosen
        assert always or at_times or name == "list_by_id", f"{where}: its conditions cannot be read"
    for size in range(len(at_times) + 1):
        for some in combinations(at_times, size):
            yield Query(
                where,
                collection(call.args[at]),
                everywhere=constant(keywords.get("everywhere")) is True,
                conditions=(*always, *some),
                order=order or "",
                descending=constant(keywords.get("descending")) is True,
                summed=name == "sums",
            )


def conditions(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Tuples of a field, an operator and a value; an operator that is no literal is a range."""
    for one in ast.walk(node):
        if isinstance(one, ast.Tuple) and len(one.elts) == 3 and isinstance(constant(one.elts[0]), str):
            yield constant(one.elts[0]), constant(one.elts[1]) or ">"


def constant(node):
    return node.value if isinstance(node, ast.Constant) else None


def collection(node: ast.expr) -> str:
    """The last segment of the path; empty where it is no literal."""
    last = node.values[-1] if isinstance(node, ast.JoinedStr) else node
    text = constant(last)
    return text.rpartition("/")[2] if isinstance(text, str) else ""


FOUND = [
    query
    for file in sorted(ACTIONS.rglob("*.py"))
    if file.name != PASSED_ON
    for query in read(file.read_text("utf-8"), file.name)
]


def composites(found: list[Query]) -> set[Index]:
    needed = {one.composite for one in found if one.composite}
    names = [f"counts.{status.value}" for status in COUNTED]
    for start in range(0, len(names), MOST_AGGREGATIONS):
        some = tuple(names[start : start + MOST_AGGREGATIONS])
        needed |= {(one.collection, one.scope, some) for one in found if one.summed}
    return needed


def lacking(query: Query) -> set[tuple[str, str]]:
    """Entries that neither come by themselves nor are declared."""
    declared = DECLARED["single"].get(query.collection, {})
    without = DECLARED["unindexed"].get(query.collection, [])
    missing = set()
    for name, kind in query.entries:
        listed = [(one["kind"], one["scope"]) for one in declared.get(name, [])]
        automatic = name not in declared and name not in without and not query.everywhere
        if not automatic and (kind, query.scope) not in listed:
            missing.add((name, kind))
    return missing


def test_the_collection_of_every_query_with_conditions_is_read_from_the_source():
    assert {one.collection for one in FOUND} >= {"figures", "chunks", "events", "batches", "progress"}
    assert not [one for one in FOUND if not one.collection and (one.entries or one.composite or one.summed)]


def test_composite_indexes_are_those_that_queries_need():
    declared = {(one["collection"], one["scope"], tuple(one["fields"])) for one in DECLARED["composite"]}
    assert declared == composites(FOUND)


def test_composite_queries_ascend_as_their_indexes_do():
    assert not [one for one in FOUND if one.composite and one.descending]


def test_no_query_looks_at_a_field_without_an_entry_for_it():
    assert {one.where: missing for one in FOUND if (missing := lacking(one))} == {}


def test_every_declared_entry_serves_a_query():
    declared = {
        (collection, name, one["kind"], one["scope"])
        for collection, fields in DECLARED["single"].items()
        for name, indexes in fields.items()
        for one in indexes
    }
    used = {(one.collection, name, kind, one.scope) for one in FOUND for name, kind in one.entries}
    assert declared <= used


@pytest.mark.parametrize(
    ("call", "composite", "missing"),
    [
        ("store.find(K, 'batches', ('domain', '==', d), ('status', '==', s))", None, set()),
        (
            "store.find(K, 'batches', ('domain', '==', d), order_by='number')",
            ("batches", "COLLECTION", ("domain", "number")),
            set(),
        ),
        (
            "store.find(K, f'{path}/runs', ('state', '==', s), ('run', '>', r), order_by='run')",
            ("runs", "COLLECTION", ("state", "run")),
            set(),
        ),
        ("store.find(K, 'days', ('day', '==', d), everywhere=True)", None, {("day", "ASCENDING")}),
        ("store.count('events', ('received_at', '>', now))", None, {("received_at", "ASCENDING")}),
        ("store.fields('figures', ('day', '>', d), select=())", None, {("day", "ASCENDING")}),
    ],
)
def test_what_a_query_needs_is_told_from_its_call(call, composite, missing):
    (query,) = read(f"async def verb(store):\n    await {call}", "verb.py")
    assert (query.composite, lacking(query)) == (composite, missing)
