"""One stack for all end-to-end tests, and further ones for tests that kill processes or need settings of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.running_stack import RunningStack


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    with RunningStack() as running:
        yield running


@pytest.fixture
def start_stack() -> Iterator[Callable[..., RunningStack]]:
    """`start_stack("--workers", "2", environment={…})`: a stack for this test alone."""
    started: list[RunningStack] = []

    def start(*arguments: str, **options: dict[str, str]) -> RunningStack:
        started.append(RunningStack(*arguments, **options))
        return started[-1]

    yield start
    for running in started:
        running.__exit__()
