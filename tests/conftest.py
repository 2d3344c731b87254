"""A real Firestore for every test that asks for `store`, started once and empty for each of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.firestore import running_firestore
from warmpost.adapters.firestore.store import FirestoreStore


@pytest.fixture(scope="session")
def firestore() -> Iterator[str]:
    with running_firestore() as host:
        yield host


@pytest.fixture
def store(firestore: str) -> FirestoreStore:
    """A project of its own: the cheapest way to an empty database."""
    return FirestoreStore(f"test-{uuid.uuid4().hex[:12]}")
