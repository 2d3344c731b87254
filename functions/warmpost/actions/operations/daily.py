"""Daily: closes days, moves levels, releases what is overdue and takes up what was left lying, a page at a time.

Every step leaves alone what is in order, so running it twice, late or while everything is busy does no harm.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.identity.check_domains import sweep_identities
from warmpost.actions.operations.retention import drop_what_is_old
from warmpost.actions.outbox.event_log import ask_for_ingest
from warmpost.actions.outbox.notifications import requeue_notifications
from warmpost.actions.schedules.enqueue_due import enqueue_due
from warmpost.actions.storage.log import log_event
from warmpost.errors import Moved
from warmpost.rules.delivery.documents import RUNNING, Batch, Message
from warmpost.rules.events.event_queues import ALL
from warmpost.rules.model.derived_ids import short_hash, task_name
from warmpost.rules.model.tasks import Task, batch_task
from warmpost.rules.model.writes import Put, Update
from warmpost.rules.operations.health import DailyRun
from warmpost.rules.warmup.documents import WarmupState

DAILY_RUN = "runs/daily"
PAGE = 100
LEFT_LYING = timedelta(hours=1)
"""Younger work is still on its way."""


async def run_daily(services: Services) -> None:
    """Only queues the pages: a hundred thousand domains do not fit into one request."""
    run = str(int(services.clock.timestamp()))
    tasks = [_page(part, "", run) for part in SWEEPS]
    await services.tasks.enqueue(*tasks)
    await ask_for_ingest(services, [ALL])
    await enqueue_due(services, services.clock.now())
    await services.store.commit(Put(DAILY_RUN, DailyRun(services.clock.now())))
    log_event("daily_run", "the daily run has queued its work", run=run)


def _page(part: str, after: str, run: str) -> Task:
    body = {"part": part, "after": after, "run": run}
    return Task("sweep", body, task_name("sweep", part, short_hash(after), run))


async def sweep(services: Services, part: str, after: str, run: str) -> None:
    """One page of one part; the next one follows by itself."""
    last = await SWEEPS[part](services, after, run)
    if last:
        await services.tasks.enqueue(_page(part, last, run))


async def _domains(services: Services, after: str, run: str) -> str:
    """Looking at a domain closes its day, ends its pause or block and releases what may go."""
    found = await services.store.find(WarmupState, "warmup", after=after or None, limit=PAGE)
    names = [(one.id, task_name("assess", one.id.replace(".", "_"), "daily", run)) for one in found]
    await services.tasks.enqueue(*(Task("assess", {"domain": domain}, name) for domain, name in names))
    return found[-1].id if len(found) == PAGE else ""


async def _batches(services: Services, after: str, run: str) -> str:
    """Running batches get their tasks anew: one that was lost is replaced, one that is not finds nothing to do."""
    found = await services.store.find(
        Batch, "batches", ("status", "in", RUNNING), after=after or None, limit=PAGE
    )
    before = services.clock.now() - LEFT_LYING
    for one in found:
        if one.value.created_at < before:
            generation = one.value.generation + 1
            changes = {"generation": generation, "queued": 0}
            try:
                await services.store.commit(Update(one.path, changes, one.version))
            except Moved:
                continue
            state = (run, generation)
            await services.tasks.enqueue(
                batch_task("plan", one.id, *state), batch_task("release", one.id, *state)
            )
            log_event("sweep_found", f"batch {one.id} has its tasks anew", kind="batch", batch=one.id)
    return found[-1].id if len(found) == PAGE else ""


async def _messages(services: Services, after: str, run: str) -> str:
    found = await services.store.find(
        Message, "messages", ("progress.finished", "==", False), after=after or None, limit=PAGE
    )
    before = services.clock.now() - LEFT_LYING
    tasks = [
        DeliveryJob(message=one.id).task(task_name("send", one.id, run))
        for one in found
        if one.value.created_at < before
    ]
    await services.tasks.enqueue(*tasks)
    if tasks:
        log_event(
            "sweep_found",
            f"{len(tasks)} unfinished messages have their tasks anew",
            kind="messages",
            found=len(tasks),
        )
    return found[-1].id if len(found) == PAGE else ""


SWEEPS: dict[str, Callable[[Services, str, str], Awaitable[str]]] = {
    "domains": _domains,
    "identities": sweep_identities,
    "batches": _batches,
    "messages": _messages,
    "notifications": requeue_notifications,
    "retention": drop_what_is_old,
}
"""What a daily run goes through, each a page at a time: where its next page begins, empty behind the last."""
