"""All of them in turn, again and again: whatever else the machine does in between falls on everybody alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from infra.bench import message
from infra.bench.engines import (
    DELAY,
    ENGINES,
    MEGABYTE,
    Course,
    Engine,
    Failed,
    Jobs,
)
from infra.bench.relay import Sink, open_delay, open_sink
from infra.bench.senders.job import Measured
from infra.bench.verify import unverified
from infra.bench.worker import Worker, open_worker
from warmpost.rules.message.dkim import record_name, record_value

Key = tuple[str, Course]

WORKER, TWO_WORKERS = "worker", "two workers"
WORKERS = {WORKER: 1, TWO_WORKERS: 2}
NEAR_DOMAIN, FAR_DOMAIN, SAMPLE_DOMAIN = "near.example", "far.example", "sample.example"
WORKER_RATES: Mapping[str, Mapping[Course, int]] = {
    WORKER: {Course.NEAR: 1600, Course.FAR: 400, Course.LARGE: 50},
    TWO_WORKERS: {Course.NEAR: 1600},
}
LONGER = 4
"""A worker's clock starts with the request that submits its batch: planning it is part of the time, but soon over."""
SAMPLE = 20
WARM_UP_LARGE = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """seconds: that each part is given in a round, by its rate on a slow day. warm_up: messages before its clock runs."""

    rounds: int
    seconds: float
    warm_up: int = 100


class Field:
    """Everything that has to be there while it is measured. Left through `open_field`."""

    def __init__(self, jobs: Jobs, sink: Sink, sample: Sink, far: int, workers: Mapping[str, Worker]) -> None:
        self._jobs = jobs
        self.sink = sink
        self._sample = sample
        self._far = far
        self.workers = workers

    async def measure(self, key: str, course: Course, scale: Scale) -> Measured:
        """Raises Failed; also where the relay did not get every message exactly once."""
        if key in self.workers:
            return await self._measure_worker(key, course, scale.seconds)
        engine = by_key(key)
        messages = _even(engine.rate[course] * scale.seconds)
        attached = MEGABYTE if course is Course.LARGE else 0
        warm_up = scale.warm_up if engine.signs or not engine.delivers else 0
        warm_up = engine.warm_up * (min(warm_up, WARM_UP_LARGE) if attached else warm_up)
        port = self._far if course is Course.FAR else self.sink.port
        before = self.sink.count()
        measured = await self._jobs.run(engine, port, messages, warm_up=warm_up, attached=attached)
        if engine.delivers:
            await self._has_taken(before + messages + warm_up * engine.processes, engine.name)
        return measured

    async def _measure_worker(self, key: str, course: Course, seconds: float) -> Measured:
        messages = _recipients(key, course, seconds)
        domain = FAR_DOMAIN if course is Course.FAR else NEAR_DOMAIN
        attached = MEGABYTE if course is Course.LARGE else 0
        return await self.workers[key].send(domain, messages, self.sink, attached=attached)

    async def _has_taken(self, count: int, name: str) -> None:
        try:
            await self.sink.has_taken(count)
        except AssertionError as error:
            raise Failed(f"{name}: {error}") from None

    async def verify(self, key: str) -> int:
        """A sample of the engine's messages: their size in bytes. Raises Failed where a signature does not hold."""
        assert self._sample.dumps is not None
        for old in self._sample.dumps.iterdir():
            old.unlink()
        if key in self.workers:
            await self.workers[key].send(SAMPLE_DOMAIN, SAMPLE, self._sample)
            records: Mapping[str, str] = self.workers[key].records
        else:
            await self._jobs.run(by_key(key), self._sample.port, SAMPLE, warm_up=0, connections=2)
            name = record_name(message.SELECTOR, message.DOMAIN)
            records = {name: record_value("rsa-sha256", self._jobs.public)}
        files = sorted(self._sample.dumps.iterdir())
        if len(files) != SAMPLE or (broken := unverified(files, records)):
            told = f"{len(broken)} signatures do not hold" if len(files) == SAMPLE else "messages are missing"
            raise Failed(f"{key}: of a sample of {SAMPLE}, {told}")
        return sum(file.stat().st_size for file in files) // len(files)


@asynccontextmanager
async def open_field(node: Mapping[str, str], workers: Sequence[str], warm_up: int) -> AsyncIterator[Field]:
    """node: what nodemailer needs in its environment. workers: of WORKERS, each a stack of its own."""
    async with AsyncExitStack() as stack:
        sink, sample = stack.enter_context(open_sink()), stack.enter_context(open_sink(keep=True))
        far = stack.enter_context(open_delay(sink.port, DELAY))
        routes = {NEAR_DOMAIN: sink.port, FAR_DOMAIN: far, SAMPLE_DOMAIN: sample.port}
        running = {key: await stack.enter_async_context(open_worker(WORKERS[key], routes)) for key in workers}
        for worker in running.values():
            for domain in (NEAR_DOMAIN, FAR_DOMAIN):
                await worker.send(domain, 5 * warm_up, sink)
        yield Field(Jobs(node), sink, sample, far, running)


def entries(keys: Sequence[str]) -> list[Key]:
    """What is measured in a round, in the order of the table."""
    rates: dict[str, Mapping[Course, int]] = {one.key: one.rate for one in ENGINES} | dict(WORKER_RATES)
    return [(key, course) for course in Course for key in keys if course in rates[key]]


async def play(
    field: Field, keys: Sequence[str], scale: Scale, tell: Callable[[str], None]
) -> dict[Key, list[Measured]]:
    """Raises Failed."""
    found: dict[Key, list[Measured]] = {}
    for key in field.workers:
        for course in WORKER_RATES[key]:
            await field.workers[key].add_list(_recipients(key, course, scale.seconds))
            tell(f"list for {key}, {course.value}")
    for turn in range(scale.rounds):
        for key, course in entries(keys):
            tell(f"round {turn + 1} of {scale.rounds}: {key}, {course.value}")
            found.setdefault((key, course), []).append(await field.measure(key, course, scale))
    return found


def by_key(key: str) -> Engine:
    return next(one for one in ENGINES if one.key == key)


def _recipients(key: str, course: Course, seconds: float) -> int:
    """Of a worker's batch."""
    return _even(WORKER_RATES[key][course] * seconds * LONGER)


def _even(number: float) -> int:
    return max(2, 2 * round(number / 2))
