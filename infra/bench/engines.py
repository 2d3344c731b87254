"""Who is measured: each a name, a command that takes a job, and how much it is given to do."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path

from infra.bench import message
from infra.bench.needs import SENDERS
from infra.bench.senders.job import Job, Measured
from infra.local.bootstrap import ROOT
from warmpost.adapters.message.dkim_signing import generate_rsa_key

CONNECTIONS = 10
MEGABYTE = 1_000_000
DELAY = 20.0  # milliseconds


class Course(Enum):
    """What is sent where."""

    NEAR = "10 KB, relay on loopback"
    FAR = f"10 KB, {DELAY:.0f} ms to the relay and back"
    LARGE = "1 MB attached, relay on loopback"


@dataclass(frozen=True, slots=True)
class Engine:
    """rate: messages a second on a slow day, from which its share of work is made. processes: at once, sharing the work.

    delivers: its messages can be counted and, where signs, their signatures verified. warm_up: how many times what others
    are given before the clock runs.
    """

    key: str
    name: str
    command: tuple[str, ...]
    rate: Mapping[Course, int]
    options: Mapping[str, object] = field(default_factory=dict)
    processes: int = 1
    delivers: bool = True
    signs: bool = True
    needs_node: bool = False
    warm_up: int = 1


def _python(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"infra.bench.senders.{name}")


_NODEMAILER = ("node", str(SENDERS / "nodemailer.js"))

PIPELINE = Engine(
    "pipeline",
    "Warmpost, no database",
    _python("pipeline"),
    {Course.NEAR: 1800, Course.FAR: 400, Course.LARGE: 50},
)
ONE_CORE = Engine(
    "one core",
    "Warmpost, no database, one core",
    _python("pipeline"),
    {Course.NEAR: 1000},
    {"threads": 1, "core": 0},
)
NODEMAILER = Engine(
    "nodemailer",
    "nodemailer at its best: cached key",
    _NODEMAILER,
    {Course.NEAR: 330, Course.FAR: 160, Course.LARGE: 15},
    needs_node=True,
    warm_up=10,  # until V8 has compiled what runs often; a worker lives longer than a round, too
)
NODEMAILER_PEM = replace(
    NODEMAILER,
    key="nodemailer pem",
    name="nodemailer, key as PEM",
    rate={Course.NEAR: 250},
    options={"key_object": False},
)
NODEMAILER_TWICE = replace(
    NODEMAILER,
    key="nodemailer twice",
    name="nodemailer at its best, 2 processes",
    rate={Course.NEAR: 500},
    processes=2,
)
TEXTBOOK = Engine(
    "textbook",
    "aiosmtplib, dkimpy, EmailMessage",
    _python("textbook"),
    {Course.NEAR: 70, Course.FAR: 60},
)
SMTP_SOURCE = Engine(
    "smtp-source",
    "smtp-source, SMTP alone",
    _python("smtp_source"),
    {Course.NEAR: 8000},
    signs=False,
)
RSA = Engine(
    "rsa",
    "OpenSSL, RSA-2048 alone, one core",
    _python("rsa_limit"),
    {Course.NEAR: 1200},
    {"core": 0},
    delivers=False,
    signs=False,
)

ENGINES = (
    PIPELINE,
    ONE_CORE,
    NODEMAILER,
    NODEMAILER_PEM,
    NODEMAILER_TWICE,
    TEXTBOOK,
    SMTP_SOURCE,
    RSA,
)


class Failed(Exception):
    """A engine ended with an error; the text has its last words."""


class Jobs:
    """Writes jobs down and runs engines on them. node: environment variables that node needs."""

    def __init__(self, node: Mapping[str, str]) -> None:
        self._node = node
        key, self.public = generate_rsa_key()
        self._key = key.decode()
        self._recipients = [message.recipient(number) for number in range(message.DISTINCT)]

    def _job(self, port: int, messages: int, attached: int) -> Job:
        return Job(
            port=port,
            messages=messages,
            warm_up=0,
            connections=CONNECTIONS,
            domain=message.DOMAIN,
            selector=message.SELECTOR,
            key=self._key,
            sender=message.SENDER,
            sender_name=message.SENDER_NAME,
            content=message.content(),
            attachments=[message.attachment(attached)] if attached else [],
            recipients=self._recipients,
        )

    async def run(
        self,
        engine: Engine,
        port: int,
        messages: int,
        *,
        warm_up: int,
        connections: int = CONNECTIONS,
        attached: int = 0,
    ) -> Measured:
        """All its processes at once; seconds are those of the slowest. Raises Failed."""
        job = replace(
            self._job(port, messages // engine.processes, attached),
            warm_up=warm_up,
            connections=connections,
            **engine.options,  # type: ignore[arg-type]
        )
        with tempfile.TemporaryDirectory(prefix="warmpost-bench-") as place:
            file = Path(place) / "job.json"
            file.write_text(json.dumps(asdict(job)))
            runs = [self._process(engine, file) for _ in range(engine.processes)]
            measured = await asyncio.gather(*runs)
        return _together(measured)

    async def _process(self, engine: Engine, file: Path) -> Measured:
        path = os.pathsep.join((str(ROOT / "functions"), str(ROOT)))
        process = await asyncio.create_subprocess_exec(
            *engine.command,
            str(file),
            cwd=ROOT,
            env={**os.environ, **self._node, "PYTHONPATH": path},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise Failed(f"{engine.name}: {errors.decode(errors='replace')[-1500:]}")
        return Measured(**json.loads(output.splitlines()[-1]))


def _together(measured: Sequence[Measured]) -> Measured:
    """Of processes that ran at once; seconds are those of the slowest."""
    return Measured(
        sum(one.messages for one in measured),
        max(one.seconds for one in measured),
        sum(one.cpu for one in measured),
        sum(one.peak for one in measured),
    )
