"""Workers, database, queue, relay and clocks in memory, each of which may do whatever the real one may."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from tests.actions.harness import ACCEPTED, IN_DOUBT, NOT_TRIED, POSTPONED, REFUSED, START
from tests.simulation.loop import SimulatedLoop
from tests.simulation.store import Documents, chosen_fields, stored_all, sums
from warmpost.actions.context import Services
from warmpost.actions.state.cache import Cache
from warmpost.actions.state.endpoint_slots import EndpointSlots
from warmpost.actions.state.message_store import MessageStore
from warmpost.actions.state.reader_buffer import ReaderBuffer
from warmpost.actions.state.reservations import Reserved
from warmpost.actions.state.suppression_lookup import Suppressed
from warmpost.actions.state.throttle import Throttle
from warmpost.actions.state.worker_slots import WorkerSlots
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.errors import Conflict, Moved, Unavailable
from warmpost.gateways.tasks.work import VERBS
from warmpost.rules.delivery.envelope import STOPPED, Envelope, HandOver, Outcome, Outgoing
from warmpost.rules.delivery.relay_selection import Closed
from warmpost.rules.message.message import Job, TemplateFacts, Unrenderable
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.usage import Usage
from warmpost.rules.model.writes import Create, Delete, Filter, Stored, Update, Write
from warmpost.rules.operations.policy import Policy

T = TypeVar("T")

POLICY = Policy(
    project="simulation", shared_pool=Pool("shared", (Relay("r1", "127.0.0.1", 25),)), claim_batch=2
)
LOST_FOR_GOOD = 7
"""Deliveries of a task whose document never comes, after which it is dropped."""
AGAIN = timedelta(seconds=1)
OUTAGES = (0.0, 10.0, 100.0)
"""Seconds for which nobody can reach the relay."""
LEFT_ALONE = 8.0
"""Seconds for which a process does not ask a relay again that it could not reach."""
AFTER_A_DEATH = timedelta(seconds=20)
"""When the queue takes a task for lost with its worker."""


@dataclass(frozen=True, slots=True)
class Nature:
    """What may happen in a schedule. skew: how many seconds each worker's clock may be off.

    busy_counters: for how many seconds nine of ten commits that touch a domain's figures are refused.
    """

    kills: bool = True
    failed_reads: bool = True
    refused_commits: bool = True
    lost_answers: bool = True
    queue_faults: bool = True
    relay_faults: bool = True
    duplicates: bool = True
    skew: float = 0.0
    busy_counters: float = 0.0


@dataclass(eq=False)
class Process:
    """One worker, with all that it remembers; once it is dead nothing that it does has an effect."""

    name: str
    offset: float = 0.0
    dead: bool = False
    running: set[asyncio.Task[None]] = field(default_factory=set)

    def __str__(self) -> str:
        return self.name


class WorkerClock:
    def __init__(self, loop: SimulatedLoop, offset: float) -> None:
        self._loop, self._offset = loop, offset

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() + self._offset)

    def timestamp(self) -> float:
        return self.now().timestamp()


class WorkerStore:
    """The database as one process sees it: a request arrives, then its answer, and either may not."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process

    async def get(self, kind: type[T], path: str) -> Stored[T] | None:
        await self._read(f"get {path}")
        return self._world.documents.get(kind, path)

    async def find(
        self,
        kind: type[T],
        collection: str,
        *where: Filter,
        order_by: str | None = None,
        descending: bool = False,
        after: object | None = None,
        limit: int | None = None,
        everywhere: bool = False,
        partial: bool = False,
    ) -> list[Stored[T]]:
        await self._read(f"find {collection}")
        select = self._world.documents.select
        return stored_all(kind, select(collection, where, order_by, descending, after, limit, everywhere))

    async def fields(
        self,
        collection: str,
        *where: Filter,
        select: Sequence[str],
        order_by: str | None = None,
        after: object | None = None,
        limit: int | None = None,
        everywhere: bool = False,
    ) -> list[tuple[str, dict[str, Any]]]:
        await self._read(f"fields {collection}")
        found = self._world.documents.select(collection, where, order_by, False, after, limit, everywhere)
        return chosen_fields(found, select)

    async def count(self, collection: str, *where: Filter) -> int:
        await self._read(f"count {collection}")
        return len(self._world.documents.select(collection, where, None, False, None, None))

    async def sums(self, collection: str, fields: Sequence[str]) -> dict[str, int]:
        await self._read(f"sums {collection}")
        return sums(self._world.documents.select(collection, (), None, False, None, None), fields)

    async def commit(self, *writes: Write) -> list[Any]:
        """A lost answer is what the client library makes of one: it asks again, and meets its own first try."""
        what = "commit " + ", ".join(sorted({write.path for write in writes}))
        await self._world.step(self._process, what)
        if self._world.is_refused(writes, what):
            raise unavailable()
        versions = self._world.documents.commit(writes)
        await self._world.step(self._process, f"answer to {what}")
        if self._world.nature.lost_answers and self._world.happens(f"lost answer: {what}"):
            raise Moved("the document changed") if any(map(_is_conditional, writes)) else unavailable()
        return versions

    async def next_number(self, counter: str, step: int = 1) -> int:
        await self._world.step(self._process, f"number of {counter}")
        return self._world.documents.next_number(counter, step)

    async def _read(self, what: str) -> None:
        await self._world.step(self._process, what)
        if self._world.nature.failed_reads and self._world.happens(f"failed: {what}"):
            raise unavailable()


def _is_conditional(write: Write) -> bool:
    return isinstance(write, Create) or (isinstance(write, Update | Delete) and write.version is not None)


class WorkerQueue:
    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process

    async def enqueue(self, *tasks: Task) -> None:
        for task in tasks:
            what = f"enqueue {task.verb} {dict(task.body)}"
            await self._world.step(self._process, what)
            if self._world.nature.queue_faults and self._world.happens(f"refused: {what}"):
                raise unavailable()
            self._world.queue(task)
            if self._world.nature.queue_faults and self._world.happens(f"lost answer: {what}"):
                raise unavailable()


class WorkerRelays:
    """Answers whatever a relay may answer. Knows who was taken, by whom, and whether anybody was told."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process
        self._shut_until = 0.0

    def closed(self, pool: Pool) -> Closed | None:
        """After it could not be reached a process leaves the relay alone for a while."""
        seconds = self._shut_until - self._world.loop.time()
        return Closed("left alone", seconds) if seconds > 0 else None

    async def reach(self, pool: Pool) -> str:
        await self._world.step(self._process, "relay is reached")
        if self._world.loop.time() < self._world.down_until:
            return "refused"
        self._shut_until = 0.0
        return ""

    async def hand_over(
        self,
        pool: Pool,
        claim_batch: Sequence[Outgoing],
        *,
        stop_at: float | None = None,
        gates: Sequence[object] = (),
    ) -> list[Outcome]:
        return [await self._one(message.envelope.rcpt_to, stop_at) for message in claim_batch]

    async def _one(self, address: str, stop_at: float | None) -> Outcome:
        world, process = self._world, self._process
        await world.step(process, f"relay hears of {address}")
        if stop_at is not None and world.loop.time() > stop_at:
            return Outcome(HandOver.NOT_TRIED, "", None, STOPPED)
        if self.closed(self._world.policy.shared_pool):
            return Outcome(HandOver.NOT_TRIED, "", None, "left alone")
        outcome, is_taken = world.relay_answer(address)
        if outcome.hand_over is HandOver.NOT_TRIED or world.loop.time() < world.down_until:
            self._shut_until = world.loop.time() + LEFT_ALONE
        attempt = Attempt(process, outcome.hand_over, world.loop.time())
        if is_taken:
            world.taken[address].append(attempt)
        if outcome.hand_over is not HandOver.NOT_TRIED:
            world.tried[address].append(attempt)
        await world.step(process, f"relay answers of {address}: {outcome.hand_over.value}")
        attempt.answered = outcome.hand_over is not HandOver.IN_DOUBT
        return outcome


@dataclass(eq=False)
class Attempt:
    """A relay met a message. answered: its process heard how it ended."""

    process: Process
    hand_over: HandOver
    at: float
    answered: bool = False


class Composer:
    async def compose(self, jobs: Sequence[Job]) -> list[Outgoing | Unrenderable]:
        return [
            Outgoing(Envelope(job.mail_from, job.recipient.address), (job.message_id.encode(),))
            for job in jobs
        ]


class SigningPool:
    def composer(self, *unused: object) -> Composer:
        return Composer()


class Templates:
    def inspect(self, content: object) -> TemplateFacts:
        return TemplateFacts(frozenset(), frozenset())


class NoMetering:
    kept: dict[str, Usage] = {}

    def bill_to(self, name: str) -> None: ...
    def add(self, usage: Usage) -> None: ...
    def overdue(self) -> Sequence[str]:
        return ()


class World:
    """taken: by address, whenever a relay took the message. tried: the same for all that met a relay."""

    def __init__(
        self, loop: SimulatedLoop, nature: Nature, policy: Policy = POLICY, workers: int = 2
    ) -> None:
        self.loop, self.nature, self.policy = loop, nature, policy
        self.documents = Documents(lambda: START.timestamp() + loop.time())
        self.taken: defaultdict[str, list[Attempt]] = defaultdict(list)
        self.tried: defaultdict[str, list[Attempt]] = defaultdict(list)
        self.script: dict[str, Outcome] = {}
        self.faults: list[str] = []
        self.failures: list[BaseException] = []
        self.dead: list[Process] = []
        self.is_calm = False
        self.down_until = 0.0
        self.caller = Process("caller")
        self._names: set[str] = set()
        self._pending: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self._alive = [self._start() for _ in range(workers)]

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.loop.time())

    @property
    def outside(self) -> Services:
        """For whoever asks from outside: never ended, and its clock is right."""
        return self._services(self.caller)

    def happens(self, what: str) -> bool:
        if self.is_calm or not self.loop.choices.happens(what):
            return False
        self.faults.append(what)
        self.loop.history.append(f"{self.loop.time():.3f} FAULT {what}")
        return True

    def is_refused(self, writes: Sequence[Write], what: str) -> bool:
        busy = self.loop.time() < self.nature.busy_counters and any("/figures/" in one.path for one in writes)
        if busy and self.loop.choices.pick(10, "contention"):
            return True
        return self.nature.refused_commits and self.happens(f"refused: {what}")

    async def step(self, process: Process, what: str) -> None:
        """Raises asyncio.CancelledError in a process that has ended, before and behind the step."""
        if process.dead:
            raise asyncio.CancelledError
        if (
            process is not self.caller
            and self.nature.kills
            and self.happens(f"{process} is killed before {what}")
        ):
            self.kill(process)
            raise asyncio.CancelledError
        await self.loop.step(process, what)
        if process.dead:
            raise asyncio.CancelledError

    def kill(self, process: Process) -> None:
        process.dead = True
        self.dead.append(process)
        for task in process.running:
            task.cancel()
        place = next(n for n, (one, _) in enumerate(self._alive) if one is process)
        self._alive[place] = self._start()

    def queue(self, task: Task) -> None:
        if task.name and task.name in self._names:
            return
        self._names.add(task.name)
        self._spawn(task)

    async def until_quiet(self) -> None:
        """No task waits and none is under way."""
        while self._pending:
            await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)

    def relay_answer(self, address: str) -> tuple[Outcome, bool]:
        """What the relay says, and whether it has taken the message."""
        if scripted := self.script.get(address):
            return scripted, scripted.hand_over is HandOver.ACCEPTED
        if self.loop.time() < self.down_until:
            return NOT_TRIED, False
        if self.nature.relay_faults and self.happens(f"relay is gone at {address}"):
            self.down_until = self.loop.time() + OUTAGES[self.loop.choices.pick(len(OUTAGES), "outage")]
            return NOT_TRIED, False
        if self.nature.relay_faults and self.happens(f"relay fails at {address}"):
            answers = (
                (IN_DOUBT, True),
                (IN_DOUBT, False),
                (NOT_TRIED, False),
                (POSTPONED, False),
                (REFUSED, False),
            )
            return answers[self.loop.choices.pick(len(answers), "relay fault")]
        return ACCEPTED, True

    def _start(self) -> tuple[Process, Services]:
        self._numbers += 1
        skew = self.nature.skew
        offset = (self.loop.choices.pick(3, "clock") - 1) * skew if skew else 0.0
        process = Process(f"w{self._numbers}", offset)
        return process, self._services(process)

    def _services(self, process: Process) -> Services:
        store, clock = WorkerStore(self, process), WorkerClock(self.loop, process.offset)
        parts: dict[str, Any] = {one.name: None for one in fields(Services)}  # what nobody here asks for
        parts |= {
            "clock": clock,
            "metering": NoMetering(),
            "store": store,
            "tasks": WorkerQueue(self, process),
            "templates": Templates(),
            "signing_pool": SigningPool(),
            "relays": WorkerRelays(self, process),
            "message_store": MessageStore(store),
            "cache": Cache(store, clock),
            "suppressed": Suppressed(store),
            "worker_slots": WorkerSlots(),
            "reserved": Reserved(),
            "endpoint_slots": EndpointSlots(),
            "reader_buffer": ReaderBuffer(),
            "throttle": Throttle(self.policy.provider_limits, clock),
            "policy": self.policy,
            "worker": process.name,
        }
        return Services(**parts)

    def _spawn(self, task: Task) -> None:
        running = self.loop.create_task(self._deliver(task), name=f"{task.verb} {dict(task.body)}")
        self._pending.add(running)
        running.add_done_callback(self._pending.discard)

    async def _deliver(self, task: Task) -> None:
        """As the queue does: not before its time, again until it was answered, and now and then once more."""
        tries, missing = Counter[str](), 0
        while missing < LOST_FOR_GOOD:
            if task.at:
                await asyncio.sleep(max(0.0, (task.at - self.now).total_seconds()))
            await self.loop.step("queue", f"dispatch {task.verb} {dict(task.body)}")
            ended = await self._attempt(task)
            if ended is None:
                if self.nature.duplicates and self.happens(f"delivered twice: {task.verb}"):
                    continue
                return
            missing += isinstance(ended, NotStoredYetError)
            if not isinstance(
                ended, (NotStoredYetError, Conflict, Moved, Unavailable, asyncio.CancelledError)
            ):
                self.failures.append(ended)
                return
            tries["all"] += 1
            pause = (
                AFTER_A_DEATH
                if isinstance(ended, asyncio.CancelledError)
                else AGAIN * min(60, 2 ** tries["all"])
            )
            task = replace(task, at=self.now + pause)

    async def _attempt(self, task: Task) -> BaseException | None:
        process, services = self._alive[self.loop.choices.pick(len(self._alive), "worker")]
        call = VERBS[task.verb](services, msgspec.json.encode(task.body))
        running = self.loop.create_task(call, name=f"{process} {task.verb}")  # type: ignore[arg-type]
        process.running.add(running)
        try:
            await asyncio.wait([running])
        finally:
            process.running.discard(running)
        if running.cancelled() or process.dead:
            return asyncio.CancelledError()
        return running.exception()


def unavailable() -> Unavailable:
    return Unavailable("store_unavailable", "The database does not answer at the moment; try again.")
