"""Real servers for whoever asks for them: Firestore, started once and empty for each test, and a DNS of our own."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from infra.local import launch, nameserver
from infra.local.ports import free_ports
from tests.firestore import running_firestore
from warmpost.adapters.google.firestore import FirestoreStore

Publish = Callable[..., None]


@pytest.fixture(scope="session")
def firestore() -> Iterator[str]:
    """`host:port` of the emulator."""
    with running_firestore() as host:
        yield host


@pytest.fixture
def store(firestore: str, monkeypatch: pytest.MonkeyPatch) -> FirestoreStore:
    """A project of its own: the cheapest way to an empty database.

    The variable is set for this test alone: a stack that is started by another would take the emulator for its own.
    """
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore)
    return FirestoreStore(f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def dns_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and zone file of the local stack's DNS server."""
    zone = tmp_path_factory.mktemp("dns") / "zone.json"
    [port] = free_ports(1)  # below those that resolvers ask from, of which any may be taken a moment later
    command = [sys.executable, "-m", "infra.local.nameserver", "--port", str(port), "--zone", str(zone)]
    process = subprocess.Popen(
        [sys.executable, launch.__file__, str(os.getpid()), *command], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = process.stderr.readline()  # it says when it answers
    assert "answering" in said, said
    yield f"127.0.0.1:{port}", zone
    process.terminate()
    process.wait(10)


@pytest.fixture
def publish(dns_server: tuple[str, Path]) -> Publish:
    """`publish(name, *values)`: TXT records; none removes them."""

    def publish(name: str, *values: str) -> None:
        nameserver.publish(dns_server[1], name, "TXT", list(values))

    return publish


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was logged goes to another process, which takes no half of a character."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report
