"""The official Firestore emulator for tests: the one that runs already, or one of their own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from infra.local import firestore, launch

START_SECONDS = 60.0


@contextlib.contextmanager
def running_firestore() -> Iterator[str]:
    """`host:port` of an emulator that answers."""
    if named := os.environ.get("FIRESTORE_EMULATOR_HOST"):
        yield named
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = f"127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as log:
        tied = [
            sys.executable,
            launch.__file__,
            str(os.getpid()),
        ]  # ends with this process, however that ends
        command = firestore.command(port, Path(folder))
        process = subprocess.Popen([*tied, *command], stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(host, process, Path(folder, "log"))
            yield host
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_ready(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the Firestore emulator ended: {log.read_text()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{host}/", timeout=1) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise TimeoutError(f"the Firestore emulator did not answer: {log.read_text()}")
