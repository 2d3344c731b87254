"""A harness to try the verbs in: real Firestore, real composing, and the edges (queue, relays, time) in our hands."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from warmpost.actions.batches.send_message import send_message
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.state.cache import Cache
from warmpost.actions.state.endpoint_slots import EndpointSlots
from warmpost.actions.state.message_store import MessageStore
from warmpost.actions.state.reader_buffer import ReaderBuffer
from warmpost.actions.state.reservations import Reserved
from warmpost.actions.state.suppression_lookup import Suppressed
from warmpost.actions.state.throttle import Throttle
from warmpost.actions.state.worker_slots import WorkerSlots
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.adapters.google.metering import Metering
from warmpost.adapters.message.encryption import Encryption
from warmpost.adapters.message.signing_pool import SigningPool
from warmpost.adapters.templates.templates import Templates
from warmpost.errors import Conflict, Unavailable
from warmpost.gateways.tasks.work import VERBS
from warmpost.rules.delivery.chunks import pack_all
from warmpost.rules.delivery.documents import Batch, Message, ProgressFields
from warmpost.rules.delivery.envelope import HandOver, Outcome, Outgoing, Reply
from warmpost.rules.delivery.progress import Progress
from warmpost.rules.delivery.relay_selection import Closed
from warmpost.rules.delivery.stored_progress import load_progress
from warmpost.rules.delivery.throttling import Gate
from warmpost.rules.identity.domains import Domain, DomainKey
from warmpost.rules.lists.documents import RecipientList, Template
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Put
from warmpost.rules.operations.policy import Policy
from warmpost.rules.requests.requests import BatchOrder, RecipientOrder, Request, SendOrder
from warmpost.rules.warmup.documents import WarmupState
from warmpost.rules.warmup.levels import STANDARD

DOMAIN = "news.example.com"
SENDER = f"News <news@{DOMAIN}>"
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLICY = Policy(
    project="harness",
    shared_pool=Pool("shared", (Relay("r1", "127.0.0.1", 25),)),
    claim_batch=3,
    levels=replace(STANDARD, raises_per_day=20),  # as many as the figures earn, though no relay reports
    clocks_differ=0.0,  # time is in the test's hands, and the store's clock is not
)
MASTER_KEY = bytes(range(32))
MOST_TRIES = 30
MISSING = NotStoredYetError

ACCEPTED = Outcome(HandOver.ACCEPTED, "r1", Reply(250, "2.0.0", "Ok: queued"))
REFUSED = Outcome(HandOver.REFUSED, "r1", Reply(550, "5.1.1", "No such user"))
POSTPONED = Outcome(HandOver.POSTPONED, "r1", Reply(451, "4.7.1", "Greylisted, try later"))
IN_DOUBT = Outcome(HandOver.IN_DOUBT, "r1", None, "time-out after DATA")
NOT_TRIED = Outcome(HandOver.NOT_TRIED, "", None, "r1: connection refused")


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        return self._now

    def timestamp(self) -> float:
        return self._now.timestamp()

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def move_to(self, moment: datetime) -> None:
        self._now = max(self._now, moment)


class Queue:
    """Cloud Tasks in memory: names once only, not before their time, again until the verb has answered.

    room: how many more tasks it takes before it is unavailable, None for all.
    """

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.waiting: list[Task] = []
        self.made: list[Task] = []
        self.room: int | None = None
        self._names: set[str] = set()

    async def enqueue(self, *tasks: Task) -> None:
        for task in tasks:
            await asyncio.sleep(0)
            if task.name and task.name in self._names:
                continue
            if self.room is not None:
                if self.room == 0:
                    raise Unavailable("queue_unavailable", "The task queue does not answer; try again.")
                self.room -= 1
            self._names.add(task.name)
            self.waiting.append(task)
            self.made.append(task)

    def of(self, verb: str) -> list[Task]:
        return [task for task in self.made if task.verb == verb]

    async def run(
        self,
        *workers: Services,
        times: int = 1,
        until: timedelta = timedelta(days=3),
    ) -> None:
        """Every task in order, by each of the workers side by side; the clock jumps to the next one's time.

        times: how often each task is delivered. Tasks whose document never came are dropped, as `work` does; those that
        found something unavailable come again.
        """
        end = START + until
        tries: Counter[str] = Counter()
        while self.waiting:
            task = min(self.waiting, key=lambda one: one.at or START)
            if (task.at or START) > end:
                return
            self.clock.move_to(task.at or START)
            for _ in range(times):
                results = await asyncio.gather(
                    *(perform(worker, task) for worker in workers), return_exceptions=True
                )
                failed = [one for one in results if isinstance(one, BaseException)]
                for one in failed:
                    if not isinstance(one, (MISSING, Conflict, Unavailable)):
                        raise one
                if any(isinstance(one, (Conflict, Unavailable)) for one in failed):
                    tries[task.name] += 1
                    assert tries[task.name] < MOST_TRIES, task
                    self.waiting.append(replace(task, at=self.clock.now() + timedelta(seconds=1)))
            self.waiting.remove(task)


async def perform(services: Services, task: Task) -> None:
    """As `work` does it, body and all."""
    await VERBS[task.verb](services, msgspec.json.encode(task.body))


class ScriptedRelays:
    """Answers by address, one outcome after the other, the last for ever; ACCEPTED where nothing is said.

    before, each: awaited before a claim batch and before each message.
    """

    def __init__(self, **unused: object) -> None:
        self.script: dict[str, list[Outcome]] = {}
        self.everybody: Outcome = ACCEPTED
        self.claim_batches: list[list[Outgoing]] = []
        self.handed: list[Outgoing] = []
        self.before: Callable[[Sequence[Outgoing]], Awaitable[None]] | None = None
        self.each: Callable[[Outgoing], Awaitable[None]] | None = None
        self.stop_at: float | None = None
        self.shut: Closed | None = None
        self.probes = 0
        self.gates: list[Sequence[Gate]] = []

    def say(self, address: str, *outcomes: Outcome) -> None:
        self.script[address] = list(outcomes)

    async def reach(self, pool: Pool) -> str:
        self.probes += 1
        return self.shut.reason if self.shut else ""

    def closed(self, pool: Pool) -> Closed | None:
        return self.shut

    async def hand_over(
        self,
        pool: Pool,
        claim_batch: Sequence[Outgoing],
        *,
        stop_at: float | None = None,
        gates: Sequence[Gate] = (),
    ) -> list[Outcome]:
        self.gates.append(gates)
        self.claim_batches.append(list(claim_batch))
        self.stop_at = stop_at
        if self.before:
            await self.before(claim_batch)
        return [await self._one(message) for message in claim_batch]

    async def _one(self, message: Outgoing) -> Outcome:
        if self.each:
            await self.each(message)
        else:
            await asyncio.sleep(0)
        said = self.script.get(message.envelope.rcpt_to, [self.everybody])
        outcome = said.pop(0) if len(said) > 1 else said[0]
        if outcome.hand_over is not HandOver.NOT_TRIED:
            self.handed.append(message)
        return outcome

    @property
    def times_handed(self) -> Counter[str]:
        return Counter(message.envelope.rcpt_to for message in self.handed)


@cache
def templates() -> Templates:
    return Templates()


@cache
def signing_pool() -> SigningPool:
    return SigningPool(templates(), Encryption(MASTER_KEY), 1)


@cache
def domain_key() -> DomainKey:
    return signing_pool().new_key("rsa-sha256", "wp1", DOMAIN)


@dataclass
class Harness:
    """One database, one queue, one clock, one relay, and as many workers as wanted."""

    store: Any
    clock: HandClock = field(default_factory=HandClock)
    relays: ScriptedRelays = field(default_factory=ScriptedRelays)
    policy: Policy = POLICY

    def __post_init__(self) -> None:
        self.queue = Queue(self.clock)
        self.services = self.worker("one")

    def worker(self, name: str, store: Any = None, **others: Any) -> Services:
        """A process of its own, with nothing remembered."""
        used = store or self.store
        parts: dict[str, Any] = {one.name: None for one in fields(Services)}  # what nobody here asks for
        parts |= {
            "clock": self.clock,
            "metering": Metering(),
            "store": used,
            "tasks": self.queue,
            "templates": templates(),
            "signing_pool": signing_pool(),
            "relays": self.relays,
            "message_store": MessageStore(used),
            "cache": Cache(used, self.clock),
            "suppressed": Suppressed(used),
            "worker_slots": WorkerSlots(),
            "reserved": Reserved(),
            "endpoint_slots": EndpointSlots(),
            "reader_buffer": ReaderBuffer(),
            "throttle": Throttle(self.policy.provider_limits, self.clock),
            "policy": self.policy,
            "worker": name,
        }
        return Services(**(parts | others))

    async def open(self) -> Harness:
        """With a verified domain that is warm already, and the template 1 that needs `name`."""
        await self.store.commit(
            Put(f"domains/{DOMAIN}", Domain(DOMAIN, "verified", (domain_key(),), (), START)),
            Put(f"warmup/{DOMAIN}", WarmupState(warmup=False)),
            Put("templates/1", template("Hello {{ name }}", "<p>Dear {{ name }}</p>")),
        )
        return self

    async def list_of(self, count: int, pages: int = 1, first: int = 0) -> str:
        """A list of that many recipients on that many pages, as an import leaves it."""
        people = [Recipient(address(n), {"name": f"N{n}"}) for n in range(first, first + count)]
        size = -(-count // pages)
        number = str(await self.store.next_number("lists"))
        for page in range(pages):
            (chunk,) = pack_all(people[page * size : (page + 1) * size], page * size)
            await self.store.commit(Put(f"lists/{number}/pages/{page:06d}", chunk))
        kept = RecipientList(f"list {number}", count, pages, ("name",), START)
        await self.store.commit(Put(f"lists/{number}", kept))
        return number

    async def submit(self, count: int, services: Services | None = None, **fields: Any) -> str:
        """A batch to inline recipients r0, r1, …; its id."""
        order = batch_order(count, **fields)
        return (await submit_batch(services or self.services, order, a_request())).id

    async def submit_list(self, list_id: str, **fields: Any) -> str:
        order = replace(batch_order(0, **fields), list=list_id, recipients=None)
        return (await submit_batch(self.services, order, a_request())).id

    async def batch(self, batch_id: str) -> Batch:
        found = await self.store.get(Batch, f"batches/{batch_id}")
        assert found is not None
        value: Batch = found.value
        return value

    async def progress(self, batch_id: str, chunk: int = 0) -> Progress:
        found = await self.store.get(ProgressFields, f"batches/{batch_id}/progress/{chunk:06d}")
        assert found is not None
        return load_progress(found.value, 0)

    async def message(self, message_id: str) -> Message:
        found = await self.store.get(Message, f"messages/{message_id}")
        assert found is not None
        value: Message = found.value
        return value


def address(number: int) -> str:
    return f"r{number}@example.net"


def addresses(*numbers: int) -> list[str]:
    return [address(number) for number in numbers]


def template(subject: str, html: str, text: str = "") -> Template:
    facts = ("name",) if "name" in subject + html + text else ()
    return Template("welcome", subject, html, text, facts, (), 1, START, START)


def batch_order(count: int, **fields: Any) -> BatchOrder:
    people = tuple(RecipientOrder(address(n), {"name": f"N{n}"}) for n in range(count))
    return BatchOrder(**({"sender": SENDER, "template": "1", "recipients": people} | fields))


def send_order(*to: str, **fields: Any) -> SendOrder:
    plain = {"sender": SENDER, "to": to or (address(0),), "subject": "Hello", "text": "Good day"}
    return SendOrder(**(plain | fields))


def a_request(key: str = "", digest: str = "d", key_id: str = "first") -> Request:
    return Request(key_id, key, digest)


def chunk_job(batch_id: str, end: int, chunk: int = 0, first: int = 0, generation: int = 0) -> DeliveryJob:
    return DeliveryJob(batch_id, f"{chunk:06d}", "", first, end, generation, START.date().isoformat())


def statuses(progress: Progress) -> list[str]:
    return [progress.status(one).value for one in range(len(progress.results))]


async def sent(harness: Harness, *to: str, **fields: Any) -> str:
    """The id of a message that was accepted."""
    accepted = await send_message(harness.services, send_order(*to, **fields), a_request())
    return accepted.id


async def message_progress(harness: Harness, message_id: str) -> Progress:
    return load_progress((await harness.message(message_id)).progress, 0)


def message_id(message: Outgoing) -> bytes:
    head = b"".join(message.content).split(b"\r\n\r\n")[0]
    return next(line for line in head.split(b"\r\n") if line.lower().startswith(b"message-id:"))


def unique() -> str:
    return secrets.token_hex(6)
