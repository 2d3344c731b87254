"""Changes of stored documents, and documents as read: values that verbs decide and a store carries out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A document as it was read. version: what a later write names to be sure that nothing came between.

    age: seconds since its last write when it was read, both by the store's own clock.
    """

    path: str
    value: T
    version: Any
    age: float = field(default=0.0, compare=False)

    @property
    def id(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Create:
    """Fails as a whole commit (`errors.Moved`) if the document exists. stamp, bill: as in Update."""

    path: str
    value: object
    stamp: str = ""
    bill: str = ""


@dataclass(frozen=True, slots=True)
class Put:
    """Written whatever was there before."""

    path: str
    value: object


@dataclass(frozen=True, slots=True)
class Update:
    """Changes the named fields. version: as read, or None where any state of an existing document will do.

    stamp: a field that receives the moment of the change by the store's own clock, in milliseconds. Changes become visible
    about in the order of their stamps, not exactly. bill: for whom this is written; the document's `cost` takes along
    what was used for them so far (`usage.Usage`).
    """

    path: str
    changes: Mapping[str, object]
    version: Any = None
    stamp: str = ""
    bill: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """version: as read, or None."""

    path: str
    version: Any = None


@dataclass(frozen=True, slots=True)
class Add:
    """A change of a number by a difference, without reading it first."""

    amount: int


@dataclass(frozen=True, slots=True)
class Count:
    """Adds to numbers of a document that need not exist yet; dots in their names lead into maps.

    labels: fields that say what the numbers are of, the same with every addition. bill: as in Update.
    """

    path: str
    amounts: Mapping[str, int]
    labels: Mapping[str, str] = field(default_factory=dict)
    bill: str = ""


Write = Create | Put | Update | Delete | Count
Filter = tuple[str, Literal["==", "<", "<=", ">", ">=", "in", "array_contains"], object]


def merge_counts(writes: Iterable[Write]) -> list[Write]:
    """With one addition in place of several to the same document."""
    merged: dict[object, Write] = {}
    for number, write in enumerate(writes):
        before = merged.get(write.path) if isinstance(write, Count) else None
        if isinstance(write, Count) and isinstance(before, Count):
            sums = dict(before.amounts)
            for name, amount in write.amounts.items():
                sums[name] = sums.get(name, 0) + amount
            write = Count(write.path, sums, write.labels, write.bill)
        merged[write.path if isinstance(write, Count) else number] = write
    return list(merged.values())


def weigh(write: Write) -> int:
    """About how many bytes it takes in a commit, told by what may be large: bytes and text."""
    if isinstance(write, Update):
        parts = list(write.changes.values())
    elif isinstance(write, Create | Put) and is_dataclass(write.value):
        parts = [getattr(write.value, one.name) for one in fields(write.value)]
    else:
        parts = []
    return 1000 + sum(len(part) for part in parts if isinstance(part, bytes | str))
