"""The upload as the platform runs it: each function a process of its own, on what `requirements.txt` brings alone."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from infra.checks.tools import NO_METADATA_SERVER, python_with
from infra.local import launch, ports
from infra.local.bootstrap import ROOT

PATIENCE = 120.0

NOBODY = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:1", "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:1"}
"""Whom nothing is asked of before a caller is known."""

SETTINGS = {
    "GOOGLE_CLOUD_PROJECT": "demo-project",
    "WARMPOST_LOCATION": "europe-west1",
    "WARMPOST_BASE_URL": "https://europe-west1-demo-project.cloudfunctions.net",
    "WARMPOST_INVOKER_EMAIL": "warmpost-invoker@demo-project.iam.gserviceaccount.com",
    "WARMPOST_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
    "WARMPOST_RELAY": "smtp://relay.example.net:587",
    "WARMPOST_EVENTS_SECRET": "wp_secret",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that a stranger makes, and what has to come of it."""

    method: str
    path: str
    status: int
    code: str


STRANGERS = {
    "send": Asked("POST", "/", 401, "missing_key"),
    "batch_submit": Asked("POST", "/", 401, "missing_key"),
    "schedule": Asked("POST", "/", 401, "missing_key"),
    "event_webhook": Asked("POST", "/warmpost", 401, "missing_signature"),
    "manage": Asked("GET", "/domains", 401, "missing_key"),
    "track": Asked("GET", "/o/nothing", 404, "not_found"),
    "tencent": Asked("POST", "/", 200, "AuthFailure.InvalidAuthorization"),
    "console": Asked("GET", "/assets/nothing", 404, "not_found"),
    "work": Asked("POST", "/deliver", 401, "no_token"),
    "daily": Asked("POST", "/", 401, "no_token"),
}


class RunningFunction:
    """Starts when it is made; `with` ends it. upload: the folder of `unpack_upload`.

    Its processes see these variables and PATH, and nothing else of ours.
    """

    def __init__(self, handler: str, upload: Path, settings: Mapping[str, str], log: Path) -> None:
        (self.port,) = ports.free_ports(1)
        python = python_with("functions", ROOT / "requirements.txt")
        framework = [str(python), "-m", "functions_framework", "--target", handler]
        place = ["--source", "functions/main.py", "--host", "127.0.0.1", "--port", str(self.port)]
        self._log = log
        self.started = time.perf_counter()
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                [sys.executable, launch.__file__, str(os.getpid()), *framework, *place],
                cwd=upload,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONDONTWRITEBYTECODE": "1",
                    **NO_METADATA_SERVER,
                    **settings,
                },
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def wait_until_it_listens(self) -> None:
        """Raises RuntimeError with what it wrote, where it ended instead."""
        while ports.is_free(self.port):
            if self._process.poll() is not None or time.perf_counter() - self.started > PATIENCE:
                raise RuntimeError(f"the function did not start:\n{self._log.read_text()}")
            time.sleep(0.002)

    def ask(self, asked: Asked) -> tuple[int, str]:
        """Status and the error's code."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(asked.method, asked.path)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        body = json.loads(text)
        error = body.get("Response", {}).get("Error") or body.get("error", {})
        return answer.status, error.get("Code") or error.get("code", "")

    @property
    def memory(self) -> float:
        """MiB of all its processes, shared pages divided among those that share them."""
        return sum(_proportional_kib(pid) for pid in _family(self._process.pid)) / 1024

    @property
    def peak_memory(self) -> float:
        """MiB of the most that each of its processes ever held."""
        return sum(peak_mib(pid) for pid in _family(self._process.pid))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))


def peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _proportional_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
