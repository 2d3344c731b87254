"""Documents in Firestore, through the stock asynchronous client.

No transactions: a query inside one locks its whole collection and contended ones dead-lock for seconds. Instead every
write can name the version it was decided on, and a commit of several documents holds or fails as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from google.api_core import exceptions as google
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from warmpost.adapters.google.firestore_meter import Meter, Unmetered
from warmpost.adapters.google.firestore_repeats import holds_once, repeated
from warmpost.adapters.google.metering import Metering
from warmpost.errors import Moved
from warmpost.rules.delivery.documents import ProgressFields
from warmpost.rules.model.usage import Usage
from warmpost.rules.model.writes import Add, Count, Create, Delete, Filter, Put, Stored, Update, Write

T = TypeVar("T")

MOST_AGGREGATIONS = 5
ENTRIES_PER_READ = 1000
"""Index entries that one billed read of an aggregation covers; sums are taken to stay below that."""

READ_TIMEOUT = 10.0
QUERY_TIMEOUT = 20.0
WRITE_TIMEOUT = 20.0
"""Seconds for one question with all that the client repeats of it by itself, which alone would go on for minutes."""


def to_fields(value: object) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(bytes, datetime), str_keys=True)
    return fields


def from_fields(kind: type[T], fields: dict[str, Any]) -> T:
    return msgspec.convert(_plain(fields), kind, builtin_types=(bytes, datetime), strict=False)


def _plain(value: Any) -> Any:
    """Moments, which the client reads as a subclass of datetime that codecs do not know, as plain ones."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return datetime.fromtimestamp(value.timestamp(), UTC) if isinstance(value, datetime) else value


class FirestoreStore:
    """Implements `actions.ports.Store`. The channel opens with the first request, in the process that serves it."""

    def __init__(self, project: str, meter: Meter | None = None, metering: Metering | None = None) -> None:
        """metering: whose usage it is; commits with a `bill` take it along. meter: counts the same, for whoever watches."""
        self._project = project
        self._meter = meter or Unmetered()
        self._metering = metering or Metering()
        self._opened: firestore.AsyncClient | None = None

    @property
    def _client(self) -> firestore.AsyncClient:
        if self._opened is None:
            self._opened = firestore.AsyncClient(project=self._project)
        return self._opened

    async def get(self, kind: type[T], path: str) -> Stored[T] | None:
        document = self._client.document(path)
        found = await repeated(lambda: document.get(retry=None, timeout=READ_TIMEOUT), READ_TIMEOUT)
        self._read(1)
        return _stored(kind, found) if found.exists else None

    async def find(
        self,
        kind: type[T],
        collection: str,
        *where: Filter,
        order_by: str | None = None,
        descending: bool = False,
        after: object | None = None,
        limit: int | None = None,
        everywhere: bool = False,
        partial: bool = False,
    ) -> list[Stored[T]]:
        base = self._client.collection_group if everywhere else self._client.collection
        query: Any = base(collection)
        for one in where:
            query = query.where(filter=_condition(one))
        direction = firestore.Query.DESCENDING if descending else firestore.Query.ASCENDING
        if order_by or after is not None or descending:
            query = query.order_by(order_by or "__name__", direction=direction)
        if after is not None:
            cursor = after if order_by else self._client.document(f"{collection}/{after}")
            query = query.start_after({order_by or "__name__": cursor})
        if limit is not None:
            query = query.limit(limit)
        if partial:
            query = query.select(_names(kind))
        return [_stored(kind, document) for document in await self._run(query)]

    async def some(self, kind: type[T], paths: Sequence[str]) -> list[Stored[T] | None]:
        if not paths:
            return []
        documents = [self._client.document(path) for path in paths]

        async def ask() -> list[Any]:
            asked = self._client.get_all(documents, _names(kind), retry=None, timeout=QUERY_TIMEOUT)
            return [document async for document in asked]

        found = {one.reference.path: one for one in await repeated(ask, QUERY_TIMEOUT)}
        self._read(len(paths))
        return [_stored(kind, found[path]) if found[path].exists else None for path in paths]

    async def fields(
        self,
        collection: str,
        *where: Filter,
        select: Sequence[str],
        order_by: str | None = None,
        after: object | None = None,
        limit: int | None = None,
        everywhere: bool = False,
    ) -> list[tuple[str, dict[str, Any]]]:
        base = self._client.collection_group if everywhere else self._client.collection
        query: Any = base(collection)
        for one in where:
            query = query.where(filter=_condition(one))
        if order_by or after is not None:
            query = query.order_by(order_by or "__name__")
        if after is not None:
            cursor = after if order_by else self._client.document(f"{collection}/{after}")
            query = query.start_after({order_by or "__name__": cursor})
        if limit is not None:
            query = query.limit(limit)
        return [
            (
                "/".join(document.reference._path) if everywhere else document.id,
                _plain(document.to_dict() or {}),
            )
            for document in await self._run(query.select(list(select)))
        ]

    async def _run(self, query: Any) -> list[Any]:
        async def ask() -> list[Any]:
            return [document async for document in query.stream(retry=None, timeout=QUERY_TIMEOUT)]

        documents = await repeated(ask, QUERY_TIMEOUT)
        self._read(max(1, len(documents)))
        return documents

    def _read(self, documents: int) -> None:
        self._meter.read(documents)
        self._metering.add(Usage(reads=documents))

    async def count(self, collection: str, *where: Filter) -> int:
        query: Any = self._client.collection(collection)
        for one in where:
            query = query.where(filter=_condition(one))
        found = await self._aggregate(query.count(alias="all"))
        counted = int(found.get("all", 0))
        self._read(max(1, -(-counted // ENTRIES_PER_READ)))
        return counted

    async def sums(self, collection: str, fields: Sequence[str]) -> dict[str, int]:
        query: Any = self._client.collection(collection)
        found: dict[str, float] = {}
        for start in range(0, len(fields), MOST_AGGREGATIONS):
            question: Any = query
            for name in fields[start : start + MOST_AGGREGATIONS]:
                question = question.sum(name, alias=name.rpartition(".")[2])
            found |= await self._aggregate(question)
            self._read(1)
        return {name: int(value) for name, value in found.items()}

    async def _aggregate(self, question: Any) -> dict[str, float]:
        rows = await repeated(lambda: question.get(retry=None, timeout=QUERY_TIMEOUT), QUERY_TIMEOUT)
        return {one.alias: one.value for row in rows for one in row}

    async def commit(self, *writes: Write) -> list[Any]:
        deletes = sum(isinstance(write, Delete) for write in writes)
        own = Usage(writes=len(writes) - deletes, deletes=deletes)
        drawn = {name: self._metering.draw(name) for name in dict.fromkeys(map(_bill, writes)) if name}
        costs = dict(drawn)
        batch = self._client.batch()
        done = False
        try:
            for write in writes:
                cost = costs.pop(_bill(write), None)
                self._add(batch, write, cost + own if cost is not None else Usage())
                own = Usage() if cost is not None else own
            results = await repeated(
                lambda: batch.commit(retry=None, timeout=WRITE_TIMEOUT), WRITE_TIMEOUT, holds_once(writes)
            )
            done = True
        except (google.FailedPrecondition, google.AlreadyExists, google.NotFound) as error:
            raise Moved(str(error)) from error
        finally:
            if not done:
                for name, usage in drawn.items():
                    self._metering.give_back(name, usage)
        self._meter.delete(deletes)
        self._meter.write(len(writes) - deletes)
        self._metering.add(own)
        return [result.update_time for result in results]

    def _add(self, batch: Any, write: Write, used: Usage) -> None:
        """used: what goes into the document's `cost`."""
        cost = used.as_amounts()
        document = self._client.document(write.path)
        match write:
            case Create(_, value, stamp):
                batch.create(document, to_fields(value) | _stamped(stamp) | ({"cost": cost} if cost else {}))
            case Put(_, value):
                batch.set(document, to_fields(value))
            case Update(_, changes, version, stamp):
                added = {f"cost.{name}": firestore.Increment(amount) for name, amount in cost.items()}
                batch.update(
                    document, _changes(changes) | added | _stamped(stamp), option=self._held(version)
                )
            case Count(_, amounts, labels):
                costs = {f"cost.{name}": amount for name, amount in cost.items()}
                batch.set(document, {**labels, **_additions({**amounts, **costs})}, merge=True)
            case Delete(_, version):
                batch.delete(document, option=self._held(version))

    def _held(self, version: Any) -> Any:
        return self._client.write_option(last_update_time=version) if version is not None else None

    async def next_number(self, counter: str, step: int = 1) -> int:
        batch = self._client.batch()
        batch.set(
            self._client.document(f"counters/{counter}"), {"last": firestore.Increment(step)}, merge=True
        )
        results = await repeated(lambda: batch.commit(retry=None, timeout=WRITE_TIMEOUT), WRITE_TIMEOUT)
        self._meter.write(1)
        self._metering.add(Usage(writes=1))
        return int(results[0].transform_results[0].integer_value)


def _bill(write: Write) -> str:
    """For whom it is written; empty where it takes nothing along."""
    return "" if isinstance(write, Put | Delete) else write.bill


def _stamped(field: str) -> dict[str, Any]:
    return {field: firestore.SERVER_TIMESTAMP} if field else {}


def _additions(amounts: Mapping[str, int]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, amount in amounts.items():
        *maps, last = name.split(".")
        inner = nested
        for one in maps:
            inner = inner.setdefault(one, {})
        inner[last] = firestore.Increment(amount)
    return nested


def _names(kind: Any) -> list[str]:
    return [one.name for one in fields_of(kind)]


def _condition(where: Filter) -> FieldFilter:
    field, operator, value = where
    return FieldFilter(field, operator, list(value) if isinstance(value, tuple) else value)


def _changes(changes: Mapping[str, object]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in changes.items():
        if isinstance(value, Add):
            plain[name] = firestore.Increment(value.amount)
        elif isinstance(value, ProgressFields):
            plain[name] = to_fields(value)
        else:
            plain[name] = msgspec.to_builtins(value, builtin_types=(bytes, datetime), str_keys=True)
    return plain


def _stored(kind: type[T], document: Any) -> Stored[T]:
    path = "/".join(document.reference._path)
    written = document.update_time
    age = (document.read_time - written).total_seconds()
    return Stored(path, from_fields(kind, document.to_dict() or {}), written, max(age, 0.0))
