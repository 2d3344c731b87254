"""The real `infra/dev.py up` as a process of its own, for tests that treat the stack as its users do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import httpx

from infra.local import launch
from infra.local.bootstrap import ROOT
from tests.contract import as_documented


class RunningStack:
    """Started when it is made; `with` stops it.

    info: what `up --json` printed.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, str(ROOT / "infra" / "dev.py"), "up", "--json", *arguments]
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 (a full pipe would stop the writer)
        self.process = subprocess.Popen(
            # ends with this process, however that ends
            [sys.executable, launch.__file__, str(os.getpid()), *command],
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise AssertionError(f"the stack did not start:\n{self.errors()}")
        self.info: dict[str, Any] = json.loads(line)
        self.url: str = self.info["url"]
        self.api_key: str = self.info["api_key"]
        self.client = self.open_client()

    def open_client(self, **options: Any) -> httpx.AsyncClient:
        """A client of the functions that carries the first API key; `options` go to httpx."""
        settings: dict[str, Any] = {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {self.api_key}"},
            "timeout": 60,
            "trust_env": False,
            "event_hooks": {"response": [as_documented]},
        }
        return httpx.AsyncClient(**{**settings, **options})

    def get(self, url: str) -> Any:
        """The JSON at a path of the functions or at a whole address, such as the inbox's."""
        whole = url if url.startswith("http") else self.url + url
        return httpx.get(whole, timeout=60, trust_env=False).raise_for_status().json()

    def pids(self, group: str) -> list[int]:
        """Process ids of this moment: `functions`, `tasks`, `firestore`, `inbox` or `dns`."""
        found: list[int] = self.get("/_local/stack")["pids"][group]
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, wait until it has, return its exit code; only the code where it has stopped before."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def errors(self) -> str:
        """What it has written to standard error so far."""
        self._stderr.seek(0)
        return self._stderr.read()

    def __enter__(self) -> RunningStack:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
