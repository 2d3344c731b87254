"""What must hold: after every step, and when nothing is left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.actions.harness import DOMAIN
from tests.simulation.store import stored_all
from warmpost.actions.delivery.deliver import RUNS_FOR
from warmpost.actions.warmup.day_counters import circumstances, figures_path
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch, Message, ProgressFields
from warmpost.rules.delivery.envelope import HandOver
from warmpost.rules.delivery.progress import Progress
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.delivery.stored_progress import load_progress
from warmpost.rules.events.day_counters import count_outcomes
from warmpost.rules.model.compression import inflate

if TYPE_CHECKING:
    from tests.simulation.scenarios import Run

FINAL = {Status.SENT, Status.DELIVERED, Status.BOUNCED, Status.UNCERTAIN, Status.CANCELLED, Status.FAILED}
LATE_AFTER_STOP = RUNS_FOR + 0.1
"""Seconds within which a message that was claimed before a stop may still leave, where time stands still meanwhile."""


class Broken(AssertionError):
    """A promise that did not hold."""


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk or message with the addresses of its recipients. first: position in the batch of the first."""

    path: str
    addresses: list[str]
    progress: Progress
    name: str
    first: int = 0


def check_always(run: Run) -> None:
    """Nobody gets a mail twice: the relay took it again only where nobody had heard that it took it before."""
    for address, attempts in run.world.taken.items():
        if len(attempts) < 2:
            continue
        resends = run.scenario.on_uncertain == "resend" or address.startswith("s")
        heard = [one for one in attempts[:-1] if one.answered and not one.process.dead]
        if heard or not resends:
            raise Broken(f"{address} was taken {len(attempts)} times, answered {len(heard)} times before")
    for failure in run.world.failures:
        raise Broken("a task failed for a reason that no repetition mends") from failure


async def check_end(run: Run) -> None:
    parts = list(_parts(run))
    if {address for part in parts for address in part.addresses} != set(_expected(run)):
        raise Broken("recipients are missing")
    for part in parts:
        for position, address in enumerate(part.addresses):
            _check_recipient(run, address, _shown(run, part, position))
    _check_batch(run)
    _check_figures(run, parts)
    _check_stop(run, parts)
    _check_cap(run)


def _expected(run: Run) -> Iterator[str]:
    yield from (f"r{number}@example.net" for number in range(run.scenario.recipients))
    yield from (f"s{number}@example.net" for number in range(run.scenario.singles))


def _parts(run: Run) -> Iterator[Part]:
    documents = run.world.documents
    for chunk in stored_all(
        Chunk, documents.select(f"batches/{run.batch}/chunks", (), None, False, None, None)
    ):
        addresses = [one.address for one in unpack(chunk.value)]
        path = f"batches/{run.batch}/progress/{chunk.id}"
        kept = documents.get(ProgressFields, path)
        progress = load_progress(kept.value if kept else None, len(addresses))
        yield Part(path, addresses, progress, run.batch, chunk.value.first)
    for id in run.messages:
        message = documents.get(Message, f"messages/{id}")
        if message is None:
            raise Broken(f"message {id} is not stored")
        addresses = list(inflate(message.value.recipients))
        yield Part(message.path, addresses, load_progress(message.value.progress, len(addresses)), "send")


def _shown(run: Run, part: Part, position: int) -> Status:
    """Held recipients of a batch have no status of their own: nothing is written for them, not even when it ends."""
    status = part.progress.status(position)
    batch = run.world.documents.get(Batch, f"batches/{run.batch}")
    if part.name == "send" or batch is None or part.first + position < batch.value.released:
        return status
    return {"cancelled": Status.CANCELLED, "failed": Status.FAILED}.get(batch.value.status, status)


def _check_recipient(run: Run, address: str, status: Status) -> None:
    taken, tried = run.world.taken.get(address, []), run.world.tried.get(address, [])
    told = [one for one in tried if one.answered and not one.process.dead]
    ended = [one for one in told if one.hand_over in (HandOver.ACCEPTED, HandOver.REFUSED)]
    if status not in FINAL:
        raise Broken(f"{address} ends as {status.value}: lost")
    if status is Status.UNCERTAIN and ended and tried[-1] is ended[-1]:
        raise Broken(f"{address} is uncertain though the relay answered {ended[-1].hand_over.value}")
    if status in (Status.SENT, Status.DELIVERED) and not taken:
        raise Broken(f"{address} is shown as sent and no relay took it")
    if status in (Status.CANCELLED, Status.FAILED) and ended:
        raise Broken(f"{address} is {status.value} though a relay answered {ended[-1].hand_over.value}")
    if status is Status.BOUNCED and not any(one.hand_over is HandOver.REFUSED for one in tried):
        raise Broken(f"{address} bounced and no relay refused it")


def _check_batch(run: Run) -> None:
    if run.batch:
        batch = run.world.documents.get(Batch, f"batches/{run.batch}")
        if batch is None or batch.value.status not in ("done", "cancelled", "failed"):
            raise Broken(f"the batch comes to no end: {batch and batch.value.status}")


def _check_figures(run: Run, parts: list[Part]) -> None:
    """Day figures are the sum of the recipients."""
    wanted: Counter[tuple[str, str]] = Counter()
    for part in parts:
        given = circumstances(
            run.world.outside,
            part.addresses,
            run.world.policy.shared_pool,
            part.name != "send",
            part.name != "send",
        )
        for day, amounts in count_outcomes(part.progress, given).items():
            wanted.update({(day, name): number for name, number in amounts.items()})
    kept: Counter[tuple[str, str]] = Counter()
    for path, fields in run.world.documents.dump().items():
        if path.startswith(f"domains/{DOMAIN}/days/") and "/figures/" in path:
            day = path.split("/")[3]
            assert path.startswith(figures_path(DOMAIN, day))
            kept.update({(day, name): number for name, number in _flat(fields) if name != "cost"})
    differing = {key: (wanted[key], kept[key]) for key in wanted | kept if wanted[key] != kept[key]}
    if differing:
        raise Broken(f"figures differ from recipients (wanted, kept): {differing}")


def _flat(fields: dict[str, Any], before: str = "") -> Iterator[tuple[str, int]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, int):
            yield f"{before}{name}", value


def _check_stop(run: Run, parts: list[Part]) -> None:
    """After a cancel was answered nobody meets a relay but whoever was claimed before."""
    if run.stopped_at is None or not run.scenario.control.endswith("cancel"):
        return
    late = [
        address
        for address, attempts in run.world.tried.items()
        if attempts and address.startswith("r") and attempts[-1].at > run.stopped_at + LATE_AFTER_STOP
    ]
    if late:
        raise Broken(f"{late} left after the batch was cancelled")


def _check_cap(run: Run) -> None:
    if not run.scenario.warmup:
        return
    by_day: Counter[str] = Counter()
    for attempts in run.world.tried.values():
        by_day[str(int(attempts[0].at // 86400))] += 1
    reserved = {
        path: fields.get("reserved", 0)
        for path, fields in run.world.documents.dump().items()
        if path.startswith("warmup/")
    }
    if any(number > 24 for number in by_day.values()):
        raise Broken(f"the cap was passed: {dict(by_day)}, {reserved}")
