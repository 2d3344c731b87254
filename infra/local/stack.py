"""Everything Warmpost needs, on this machine: the functions, Firestore, Cloud Tasks, an inbox and a name server."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import aiohttp

from infra.local import firestore, operations, ports, queues
from infra.local.answers import answers, answers_questions, listens
from infra.local.firestore_proxy import Faults
from infra.local.identity import Identity
from infra.local.manifest import manifest
from infra.local.settings import INVOKER, LOCATION, function_settings
from infra.local.signing_key import signing_key
from infra.local.supervisor import Part, StartFailure, Supervisor
from warmpost.rules.operations.environment import SettingsError
from warmpost.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """port: of the functions, 0 for the data directory's own. data: None for a directory that goes with the stack.

    relay: URL of the relay to send through, empty for the inbox. duplicate_rate: share of tasks delivered twice.
    discard: the inbox counts messages and keeps none. log_requests: `request_log` has a line for each.
    firestore: what stands between the functions and Firestore. clock_skew: seconds by which the first worker's clock is
    ahead, the second's behind, and so on.
    """

    port: int = 0
    data: Path | None = None
    relay: str = ""
    workers: int = 1
    duplicate_rate: float = 0.0
    discard: bool = False
    log_requests: bool = False
    firestore: Faults = Faults()
    clock_skew: float = 0.0


class Stack:
    """`async with Stack(options) as stack`: every part answers inside, none is left after it. Raises StartFailure."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock: TextIO | None = None
        self._sockets: list[socket.socket] = []
        self._signed: list[socket.socket] = []
        self._borrowed = os.environ.get("FIRESTORE_EMULATOR_HOST", "")
        self._has_documents = False  # that nobody else keeps

    async def __aenter__(self) -> Self:
        try:
            self._occupy()
            await self._start()
        except ports.PortTaken as taken:
            await self._end()
            raise StartFailure(str(taken)) from None
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    def _occupy(self) -> None:
        """Take the data directory for this process alone and read or make what stays the same in it."""
        if self._options.data is None:
            self.data = Path(tempfile.mkdtemp(prefix="warmpost-"))
        else:
            self.data = self._options.data.resolve()
            try:
                self.data.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StartFailure(f"--data: {error.strerror}: {error.filename}") from None
        self._supervisor = Supervisor(self.data / "logs", self._note_down)
        lock = (self.data / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StartFailure(f"another stack is using {self.data}") from None
        self._lock = lock
        (self.data / "logs").mkdir(exist_ok=True)
        self.identity = Identity.kept_in(self.data / "identity.json")
        if self._options.port:
            self.identity.ports["functions"] = self._options.port
        self.identity.keep_in(self.data / "identity.json")

    async def _start(self) -> None:
        self._refuse_wrong_settings()
        await ports.wait_until_free(self.identity.ports.values())
        operations.create(self.data / "operations", self._options.workers)
        self._sockets = ports.listen(self.identity.ports["functions"], self._options.workers)
        self._signed = ports.listen(self.identity.ports["tencent"], self._options.workers)
        parts = [self._tasks(), self._inbox(), self._names(), self._submission()]
        if not self._borrowed:
            parts.append(self._firestore())
        if self._options.firestore:
            parts.append(self._firestore_proxy())
        listeners = zip(self._sockets, self._signed, strict=True)
        parts += [self._functions(row, *pair) for row, pair in enumerate(listeners)]
        await self._supervisor.start(parts)
        self._has_documents = self._options.data is not None and not self._borrowed
        await queues.create(self.identity.address("tasks"), self.identity.project, LOCATION)
        await self._keep_signing_key()

    async def _keep_signing_key(self) -> None:
        identity = self.identity
        made = await signing_key(identity.url("functions"), identity.api_key, identity.secret_id)
        if made is not None:
            self.identity = replace(identity, secret_id=made.secret_id, secret_key=made.secret_key)
            self.identity.keep_in(self.data / "identity.json")
            self._note_down()

    def _refuse_wrong_settings(self) -> None:
        try:
            Settings.from_env({**os.environ, **self._settings()})
        except SettingsError as error:
            raise StartFailure(str(error)) from None

    async def _end(self) -> None:
        """Those who write first; then Firestore is asked for what it holds, where that is to be kept."""
        for listener in (*self._sockets, *self._signed):
            listener.close()
        if self._lock is None:
            return
        if self._has_documents:
            await self._supervisor.stop("functions", "tasks")
            await self._keep_documents()
        await self._supervisor.stop()
        self._lock.close()
        self._lock = None
        if self._options.data is None:
            shutil.rmtree(self.data, ignore_errors=True)

    async def _keep_documents(self) -> None:
        try:
            await firestore.export(self.identity.address("firestore"), self.identity.project, self.data)
        except (aiohttp.ClientError, OSError) as error:
            print(f"Firestore's documents could not be kept: {error}", file=sys.stderr)

    def _note_down(self) -> None:
        """The file that `GET /_local/stack` answers from; replaced in one step, as it is read at any time."""
        draft = self.data / "stack.json.new"
        draft.write_text(json.dumps(self.info()))
        draft.replace(self.data / "stack.json")

    @property
    def request_log(self) -> Path:
        return self.data / "logs" / "requests.log"

    def info(self) -> dict[str, Any]:
        """What `up --json` prints: addresses as host:port, and the process ids of this moment."""
        identity = self.identity
        return {
            "url": identity.url("functions"),
            "console_url": f"{identity.url('functions')}/console/",
            "api_key": identity.api_key,
            "event_secret": identity.event_secret,
            "inbox_url": identity.url("inbox"),
            "inbox_dir": str(self.data / "inbox"),
            "smtp": identity.address("smtp"),
            "smtp_submission": {
                "host": "127.0.0.1",
                "port": identity.ports["submission"],
                "tls_port": identity.ports["submission_tls"],
                "user": "warmpost",
                "password": identity.api_key,
                "certificate": str(self.data / "submission.pem"),
            },
            "tencent": identity.signing(),
            "firestore": self._borrowed or identity.address("firestore"),
            "tasks": identity.address("tasks"),
            "tasks_http": identity.address("tasks_http"),
            "dns": identity.address("dns"),
            "project": identity.project,
            "data": str(self.data),
            "pids": {
                group: self._supervisor.pids(group)
                for group in ("functions", "tasks", "firestore", "inbox", "dns", "submission")
            },
        }

    def _firestore(self) -> Part:
        port = self.identity.ports["firestore"]
        return Part(
            name="firestore",
            group="firestore",
            command=firestore.command(port, self.data),
            answers=lambda: answers(f"http://127.0.0.1:{port}/"),
            forgets="its documents since the stack was started are gone",
        )

    @property
    def _database(self) -> str:
        """host:port of Firestore as the functions see it."""
        if self._options.firestore:
            return self.identity.address("firestore_proxy")
        return self._borrowed or self.identity.address("firestore")

    def _firestore_proxy(self) -> Part:
        """Its faults can be changed while it runs, in `firestore_faults.json` of the data directory."""
        port = self.identity.ports["firestore_proxy"]
        target = self._borrowed or self.identity.address("firestore")
        command = _python("infra.local.firestore_proxy", target, port)
        command += ["--file", str(self.data / "firestore_faults.json")]
        for name, value in asdict(self._options.firestore).items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        return Part("firestore-proxy", "firestore_proxy", command, lambda: listens(port))

    def _tasks(self) -> Part:
        identity = self.identity
        command = _python("infra.local.cloud_tasks", "--grpc-port", identity.ports["tasks"])
        command += ["--http-port", str(identity.ports["tasks_http"])]
        command += ["--data", str(self.data / "tasks.sqlite"), "--clock", str(self.data / "clock")]
        command += ["--duplicate-rate", str(self._options.duplicate_rate)]
        command += ["--cron", str(self._jobs())]
        url = f"{identity.url('tasks_http')}/healthz"
        return Part(name="tasks", group="tasks", command=command, answers=lambda: answers(url))

    def _jobs(self) -> Path:
        """The file that tells the emulator when Cloud Scheduler would call what, and as whom."""
        url = self.identity.url("functions")
        jobs = [
            {
                "name": one.name,
                "schedule": one.cron,
                "time_zone": os.environ.get("WARMPOST_TIME_ZONE", "UTC"),
                "url": f"{url}/{one.function}",
                "service_account_email": INVOKER,
                "audience": f"{url}/{one.function}",
            }
            for one in manifest().schedules
        ]
        file = self.data / "jobs.json"
        file.write_text(json.dumps(jobs))
        return file

    def _inbox(self) -> Part:
        identity = self.identity
        command = _python("infra.local.inbox", "--smtp-port", identity.ports["smtp"])
        command += ["--http-port", str(identity.ports["inbox"]), "--maildir", str(self.data / "inbox")]
        command += ["--dns", identity.address("dns")]
        command += ["--console", f"{identity.url('functions')}/console/"]
        command += ["--discard"] if self._options.discard else []
        url = f"{identity.url('inbox')}/healthz"
        return Part(name="inbox", group="inbox", command=command, answers=lambda: answers(url))

    def _submission(self) -> Part:
        port, tls_port = self.identity.ports["submission"], self.identity.ports["submission_tls"]
        command = _python("infra.submission", "--host", "127.0.0.1", "--port", port, "--tls-port", tls_port)
        command += ["--hostname", "localhost", "--send-url", f"{self.identity.url('functions')}/send"]
        command += ["--self-made", str(self.data / "submission.pem")]
        path = {"PYTHONPATH": "functions"}
        return Part("submission", "submission", command, lambda: listens(tls_port), environment=path)

    def _names(self) -> Part:
        port = self.identity.ports["dns"]
        command = _python("infra.local.nameserver", "--port", port, "--zone", self.data / "zone.json")
        return Part(name="dns", group="dns", command=command, answers=lambda: answers_questions(port))

    def _functions(self, row: int, listener: socket.socket, signed: socket.socket) -> Part:
        url = f"{self.identity.url('functions')}/_local/stack"
        command = _python("infra.local.functions_server", "--socket", listener.fileno(), "--row", row)
        command += ["--tencent-socket", str(signed.fileno())]
        skew = self._options.clock_skew * (1 if row % 2 == 0 else -1)
        log = ["--log-requests", str(self.request_log)] if self._options.log_requests else []
        return Part(
            name=f"functions-{row + 1}",
            group="functions",
            command=[*command, "--data", str(self.data), "--clock-skew", str(skew), *log],
            answers=lambda: answers(url),
            environment=self._settings(),
            sockets=(listener.fileno(), signed.fileno()),
        )

    def _settings(self) -> dict[str, str]:
        return function_settings(self.identity, self._database, self._options.relay)


def _python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]
