"""What Firestore promises, as a dictionary: documents with versions, commits that hold or fail as a whole.

`test_store_model.py` holds it to the emulator. It is used by the simulation alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from warmpost.errors import Moved
from warmpost.rules.model.writes import Add, Count, Create, Delete, Filter, Put, Stored, Update, Write

T = TypeVar("T")

Fields = dict[str, Any]

TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, wanted: value in wanted,
    "array_contains": lambda value, wanted: isinstance(value, list | tuple) and wanted in value,
}


@dataclass(slots=True)
class Document:
    """written: when, by the database's clock."""

    fields: Fields
    version: int
    written: float = 0.0


class Documents:
    """The state, and what one request does to it at once. clock: the database's own, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._documents: dict[str, Document] = {}
        self._version = 0
        self.on_commit: Callable[[Sequence[Write]], None] = lambda writes: None

    def get(self, kind: type[T], path: str) -> Stored[T] | None:
        found = self._documents.get(path)
        if found is None:
            return None
        return replace(_stored(kind, path, found), age=self._clock() - found.written)

    def select(
        self,
        collection: str,
        where: Sequence[Filter],
        order_by: str | None,
        descending: bool,
        after: object | None,
        limit: int | None,
        everywhere: bool = False,
    ) -> list[tuple[str, Document]]:
        found = [
            (path, document)
            for path, document in self._documents.items()
            if _is_in(path, collection, everywhere) and all(_holds(document.fields, one) for one in where)
        ]
        # A question for less or more is answered in the order of that field.
        order_by = order_by or next((name for name, operation, _ in where if operation[0] in "<>"), None)
        if order_by:
            found = [one for one in found if _value(one[1].fields, order_by) is not None]

        def key(one: tuple[str, Document]) -> Any:
            return (_value(one[1].fields, order_by), one[0]) if order_by else one[0]

        found.sort(key=key, reverse=descending)
        if after is not None:
            beyond = operator.lt if descending else operator.gt
            edge = after if order_by else f"{collection}/{after}"
            found = [
                one for one in found if beyond(_value(one[1].fields, order_by) if order_by else one[0], edge)
            ]
        return found[:limit] if limit is not None else found

    def commit(self, writes: Sequence[Write]) -> list[int]:
        """Raises errors.Moved, with nothing changed."""
        for write in writes:
            self._check(write)
        self._version += 1
        for write in writes:
            self._apply(write)
        self.on_commit(writes)
        return [self._version] * len(writes)

    def next_number(self, counter: str, step: int) -> int:
        path = f"counters/{counter}"
        self._version += 1
        found = self._documents.setdefault(path, Document({"last": 0}, 0))
        found.fields["last"] += step
        found.version = self._version
        number: int = found.fields["last"]
        return number

    def _check(self, write: Write) -> None:
        there = self._documents.get(write.path)
        match write:
            case Create() if there:
                raise Moved(f"{write.path} exists")
            case Update() if not there:
                raise Moved(f"{write.path} does not exist")
            case Update(version=version) | Delete(version=version) if version is not None:
                if there is None or there.version != version:
                    raise Moved(f"{write.path} was changed")

    def _apply(self, write: Write) -> None:
        path = write.path
        match write:
            case Create(value=value, stamp=stamp):
                self._documents[path] = Document(
                    to_fields(value) | self._stamped(stamp), self._version, self._clock()
                )
            case Put(value=value):
                self._documents[path] = Document(to_fields(value), self._version, self._clock())
            case Update(changes=changes, stamp=stamp):
                fields = deepcopy(self._documents[path].fields)
                for name, value in changes.items():
                    _set(fields, name, value)
                self._documents[path] = Document(fields | self._stamped(stamp), self._version, self._clock())
            case Count(amounts=amounts, labels=labels):
                there = self._documents.get(path)
                fields = deepcopy(there.fields) if there else {}
                fields |= labels
                for name, amount in amounts.items():
                    _set(fields, name, Add(amount))
                self._documents[path] = Document(fields, self._version, self._clock())
            case Delete():
                self._documents.pop(path, None)

    def _stamped(self, field: str) -> Fields:
        if not field:
            return {}
        return {field: datetime.fromtimestamp(round(self._clock(), 3), UTC)}

    def dump(self) -> dict[str, Fields]:
        return {path: document.fields for path, document in sorted(self._documents.items())}


def stored_all(kind: type[T], found: Sequence[tuple[str, Document]]) -> list[Stored[T]]:
    return [_stored(kind, path, document) for path, document in found]


def chosen_fields(found: Sequence[tuple[str, Document]], select: Sequence[str]) -> list[tuple[str, Fields]]:
    rows = []
    for path, document in found:
        row: Fields = {}
        for name in select:
            value = _value(document.fields, name)
            if value is not None:
                _set(row, name, value)
        rows.append((path.rpartition("/")[2], row))
    return rows


def sums(found: Sequence[tuple[str, Document]], names: Sequence[str]) -> dict[str, int]:
    """A document that lacks one of the fields counts for none of them."""
    whole = [one.fields for _, one in found if all(_value(one.fields, name) is not None for name in names)]
    return {name.rpartition(".")[2]: int(sum(_value(fields, name) for fields in whole)) for name in names}


def to_fields(value: object) -> Fields:
    fields: Fields = msgspec.to_builtins(value, builtin_types=(bytes, datetime), str_keys=True)
    return fields


def _stored(kind: type[T], path: str, document: Document) -> Stored[T]:
    value = msgspec.convert(document.fields, kind, builtin_types=(bytes, datetime), strict=False)
    return Stored(path, value, document.version)


def _is_in(path: str, collection: str, everywhere: bool) -> bool:
    parent = path.rpartition("/")[0]
    return parent.rpartition("/")[2] == collection if everywhere else parent == collection


def _holds(fields: Fields, where: Filter) -> bool:
    name, operation, wanted = where
    value = _value(fields, name)
    if value is None or (operation not in ("in", "array_contains") and type(value) is not type(wanted)):
        numbers = isinstance(value, int | float) and isinstance(wanted, int | float)
        if not numbers or isinstance(value, bool) != isinstance(wanted, bool):
            return False
    return TESTS[operation](value, wanted)


def _value(fields: Fields, name: str | None) -> Any:
    inner: Any = fields
    for part in (name or "").split("."):
        inner = inner.get(part) if isinstance(inner, dict) else None
    return inner


def _set(fields: Fields, name: str, value: object) -> None:
    *maps, last = name.split(".")
    inner = fields
    for one in maps:
        inner = inner.setdefault(one, {})
    if isinstance(value, Add):
        inner[last] = inner.get(last, 0) + value.amount
    else:
        inner[last] = msgspec.to_builtins(value, builtin_types=(bytes, datetime), str_keys=True)
