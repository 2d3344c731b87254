"""Which refusals of Firestore are asked again, and which are told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from google.api_core import exceptions as google

from warmpost.adapters.google import firestore_repeats
from warmpost.adapters.google.firestore_repeats import PAUSES, holds_once, repeated
from warmpost.errors import Moved, Unavailable
from warmpost.rules.delivery.documents import Part
from warmpost.rules.model.writes import Add, Count, Create, Delete, Put, Update

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PART = Part(b"")
UNSURE = [google.ServiceUnavailable, google.InternalServerError, google.Unknown, google.Cancelled]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(firestore_repeats, "PAUSES", (0.0,) * len(PAUSES))


class Database:
    """Answers after some errors; counts how often it was asked."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.mark.parametrize("safe", [True, False])
async def test_what_was_not_applied_is_asked_again_whatever_it_was(safe):
    database = Database(*[google.Aborted("contention")] * 5)
    assert await repeated(database, 1, safe) == "answer"
    assert database.asked == 6


@pytest.mark.parametrize("error", UNSURE)
async def test_what_may_have_been_applied_is_asked_again_where_that_is_harmless(error):
    database = Database(error("?"), error("?"))
    assert await repeated(database, 1) == "answer"
    assert database.asked == 3


@pytest.mark.parametrize("error", UNSURE)
async def test_what_may_have_been_applied_is_not_applied_twice(error):
    database = Database(error("?"))
    with pytest.raises(Unavailable, match="does not answer"):
        await repeated(database, 1, safe=False)
    assert database.asked == 1


async def test_a_time_that_is_over_is_told_at_once():
    database = Database(google.DeadlineExceeded("?"))
    with pytest.raises(Unavailable) as told:
        await repeated(database, 1)
    assert (database.asked, told.value.retry_after) == (1, 5)


async def test_tries_go_on_while_there_is_time():
    database = Database(*[google.Aborted("contention")] * 100)
    assert await repeated(database, 10) == "answer"
    assert database.asked == 101


async def test_all_tries_together_have_a_time():
    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Unavailable):
        await repeated(never, 0.01)


@pytest.mark.parametrize("error", [Moved, google.FailedPrecondition, google.PermissionDenied, KeyError])
async def test_other_errors_are_their_own(error):
    database = Database(error("no"))
    with pytest.raises(error):
        await repeated(database, 1)
    assert database.asked == 1


@pytest.mark.parametrize(
    ("writes", "once"),
    [
        ([Create("a/1", PART)], True),
        ([Put("a/1", PART)], True),
        ([Delete("a/1")], True),
        ([Update("a/1", {"x": 1})], True),
        ([Update("a/1", {"x": Add(1)})], False),
        ([Update("a/1", {"x": 1}, bill="7")], False),
        ([Count("a/1", {"x": 1}, {})], False),
        ([Count("a/1", {"x": 1}, {}), Put("a/2", PART)], False),
        ([Count("a/1", {"x": 1}, {}), Create("a/2", PART)], True),
        ([Count("a/1", {"x": 1}, {}), Update("a/2", {"x": 1}, NOW)], True),
        ([Update("a/1", {"x": Add(1)}), Delete("a/2", NOW)], True),
    ],
)
def test_a_commit_holds_once_where_its_second_coming_is_refused_or_changes_nothing(writes, once):
    assert holds_once(writes) is once
