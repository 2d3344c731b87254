"""Release: takes from a batch's held recipients what the domain may send today and queues their delivery.

The domain's volume and the batch's position move in one commit, before anything is queued; the tasks are named after
the stretch they deliver, so that queueing them again makes no second ones. Nothing is written per recipient.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import pairwise

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.delivery.finish_batch import finish_batch
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.warmup.day_counters import as_figures, ask_for_assessment
from warmpost.actions.warmup.domain_state import (
    DomainSnapshot,
    decided,
    keep,
    keep_pool,
    pause_fields,
    read_snapshot,
    remember,
    tell_decisions,
    with_raises,
)
from warmpost.actions.warmup.holds import is_suspended
from warmpost.errors import Moved
from warmpost.rules.delivery.chunks import MOST_RECIPIENTS
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.identity.domains import Domain
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.model.tasks import Task, next_turn
from warmpost.rules.model.writes import Stored, Update, Write
from warmpost.rules.warmup.daily_cap import Pause, Release, decide_release
from warmpost.rules.warmup.documents import HistoryEntry
from warmpost.rules.warmup.reputation import why_not_raised

MOST_AT_ONCE = 100 * MOST_RECIPIENTS
STEPS_PER_TASK = 10
RESUME_MARGIN = timedelta(seconds=1)


async def release_chunks(services: Services, batch_id: str, turn: str = "") -> None:
    """turn: the task's own name. Raises NotStoredYetError; errors.Unavailable: the task comes again."""
    for _ in range(STEPS_PER_TASK):
        batch = await services.store.get(Batch, f"batches/{batch_id}")
        if batch is None:
            raise NotStoredYetError(batch_id)
        value = batch.value
        if not value.status.is_running:
            if value.status.unsent_become:
                await _queue(services, batch)
            return
        try:
            if await _fail_without_domain(services, batch):
                return
            await _queue(services, batch)
            if value.released >= value.planned:
                await finish_batch(services, batch_id)
                return
            if await is_suspended(services, value.domain):
                return
            if not await _release(services, batch) and not await _has_moved(services, batch):
                return
        except Moved:
            continue
    await services.tasks.enqueue(next_turn("release", batch_id, turn))


async def _fail_without_domain(services: Services, batch: Stored[Batch]) -> bool:
    """Whether its sender domain was deleted: it can never be sent, and says so. Raises errors.Moved."""
    if await services.cache.get(Domain, f"domains/{batch.value.domain}") is not None:
        return False
    reason = f"the sender domain {batch.value.domain} was deleted"
    changes = {"status": BatchStatus.FAILED, "reason": reason, "finished_at": services.clock.now()}
    await services.store.commit(Update(batch.path, changes, batch.version))
    log_event("batch_blocked", reason, batch=batch.id, domain=batch.value.domain)
    return True


async def _has_moved(services: Services, batch: Stored[Batch]) -> bool:
    """Whether another release came between: the same task twice must see its tasks queued, should that worker vanish."""
    now = await services.store.get(Batch, batch.path)
    return now is not None and now.version != batch.version


async def _release(services: Services, batch: Stored[Batch]) -> bool:
    """Whether to ask again, because something was released or raised.

    One commit reserves the volume and moves the batch's position, or neither does. A full day pauses the domain only when
    everything released before has been attempted or has come back: until then its figures may still earn a raise.
    Raises errors.Moved.
    """
    wanted = min(batch.value.planned - batch.value.released, MOST_AT_ONCE)
    now = services.clock.now()
    snapshot, raises = with_raises(await read_snapshot(services, batch.value.domain))
    release = decide_release(
        wanted,
        snapshot.batch_allowance,
        now,
        snapshot.day,
        pool=snapshot.pool,
        pause=snapshot.pause,
        blocked=snapshot.blocked,
    )
    history = [decided(snapshot.domain, snapshot.today, snapshot.total, one, now) for one in raises]
    if release.granted:
        await _take(services, batch, snapshot, release.granted, history)
        return True
    if snapshot.blocked and batch.value.on_block == "fail":
        # The assessment fails it, as it failed those that ran before the block.
        await ask_for_assessment(services, snapshot.domain)
        return False
    if raises:
        await services.store.commit(*keep(snapshot, snapshot.warmup_state), *history)
        tell_decisions(snapshot.domain, *snapshot.closing, *history)
        return True
    if not snapshot.on_the_way or snapshot.pause:
        await _wait(services, snapshot, release, now)
    return False


async def _take(
    services: Services, batch: Stored[Batch], snapshot: DomainSnapshot, granted: int, history: list[Write]
) -> None:
    warmup_state = replace(
        snapshot.warmup_state,
        reserved=snapshot.warmup_state.reserved + granted,
        released=snapshot.warmup_state.released + granted,
        pause=None,
    )
    moved = {
        "released": batch.value.released + granted,
        "queued": batch.value.released,
        "days": {**batch.value.days, **_day(batch, snapshot)},
    }
    await services.store.commit(
        *keep(snapshot, warmup_state),
        Update(batch.path, moved, batch.version, bill=batch.id),
        *keep_pool(snapshot, granted),
        *history,
    )
    tell_decisions(snapshot.domain, *snapshot.closing, *history)


def _day(batch: Stored[Batch], snapshot: DomainSnapshot) -> dict[str, str]:
    """From which position on the recipients belong to which day's volume."""
    last = max(batch.value.days.items(), key=lambda one: int(one[0]), default=("", ""))
    return {} if last[1] == snapshot.today else {str(batch.value.released): snapshot.today}


async def _wait(services: Services, snapshot: DomainSnapshot, release: Release, now: datetime) -> None:
    """Sets the one task that goes on, and notes a new pause in the domain and its history.

    The task may have come already and found this worker's clock behind the queue's: then it comes once more.
    """
    if release.resume_at is not None:
        is_close = release.resume_at - now < RESUME_MARGIN
        at = release.resume_at + RESUME_MARGIN if is_close else release.resume_at
        name = task_name("assess", snapshot.domain.replace(".", "_"), "resume", int(at.timestamp()))
        await services.tasks.enqueue(Task("assess", {"domain": snapshot.domain}, name, at))
    if release.pause is None or release.pause == snapshot.pause:
        return
    warmup_state = replace(snapshot.warmup_state, pause=pause_fields(release.pause))
    await services.store.commit(*keep(snapshot, warmup_state), _paused(snapshot, release, release.pause, now))
    tell_decisions(snapshot.domain, *snapshot.closing)


def _paused(snapshot: DomainSnapshot, release: Release, pause: Pause, now: datetime) -> Write:
    """With what keeps the domain from being raised, which is what people ask of a pause."""
    kept = why_not_raised(snapshot.standing, as_figures(snapshot.total))
    entry = HistoryEntry(
        at=now,
        kind="paused",
        reason=f"{release.reason}; {kept}" if pause.of == "domain" else release.reason,
        day=snapshot.today,
        level_before=snapshot.warmup_state.level,
        level_after=snapshot.warmup_state.level,
        cap=pause.cap,
        figures=asdict(snapshot.total),
    )
    return remember(snapshot.domain, entry)


async def _queue(services: Services, batch: Stored[Batch]) -> None:
    """One deliver task per chunk and day of the stretch that was released last.

    That they exist is written with the next release; until then only this process knows, and another one queues them
    again under the same names.
    """
    value, known = batch.value, (batch.id, batch.value.generation)
    if services.worker_slots.queued.get(known, value.queued) >= value.released:
        return
    finished = await _finished_chunks(services, batch) if value.generation else frozenset()
    found = await services.store.fields(
        f"{batch.path}/chunks",
        ("first", ">", value.queued - MOST_RECIPIENTS),
        ("first", "<", value.released),
        select=("first", "count"),
        order_by="first",
    )
    tasks: list[Task] = []
    for chunk, fields in found:
        if chunk not in finished:
            start, stop = fields["first"], fields["first"] + fields["count"]
            for first, end, day in _by_day(value, max(start, value.queued), min(stop, value.released)):
                job = DeliveryJob(
                    batch.id,
                    chunk,
                    first=first - start,
                    end=end - start,
                    generation=value.generation,
                    day=day,
                )
                name = task_name("deliver", batch.id, chunk, job.first, value.generation)
                tasks.append(job.task(name))
    await services.tasks.enqueue(*tasks)
    services.worker_slots.note_queued(known, value.released)


def _by_day(batch: Batch, first: int, end: int) -> list[tuple[int, int, str]]:
    """A stretch of positions cut where the day of its volume changes."""
    marks = sorted((int(position), day) for position, day in batch.days.items())
    cuts = [position for position, _ in marks if first < position < end]
    edges = [first, *cuts, end]
    pieces = []
    for start, stop in pairwise(edges):
        day = next((day for position, day in reversed(marks) if position <= start), "")
        if start < stop:
            pieces.append((start, stop, day))
    return pieces


async def _finished_chunks(services: Services, batch: Stored[Batch]) -> frozenset[str]:
    """After a resume the tasks are made anew, but not for chunks that have nothing left to do."""
    rows = await services.store.fields(f"{batch.path}/progress", ("finished", "==", True), select=("seq",))
    return frozenset(chunk for chunk, _ in rows)
