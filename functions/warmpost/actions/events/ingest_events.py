"""Ingest: applies logged events to recipients, figures, suppressions and notifications, each exactly once.

Everything that follows from a stretch of events is written in the commit that moves the marks of their logs, so a repeated
delivery, a crash or two ingests at once change nothing twice. What was reported is kept beside the worker's progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby

from warmpost.actions.context import Services
from warmpost.actions.events.ingest_step import (
    LONGEST_WAIT,
    MOST_TRIES,
    Backlog,
    OpenLog,
    next_step,
    open_log,
)
from warmpost.actions.outbox.event_log import ask_for_ingest, due_of, queues_in
from warmpost.actions.storage.log import log_event
from warmpost.actions.warmup.day_counters import ask_for_assessment, ensure_assessment
from warmpost.errors import Moved, Unavailable
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_queues import QUEUES
from warmpost.rules.model.writes import Stored, Update

LOGS_AT_ONCE = 100
"""Logs that are read at a time and share their commits."""

MOST_RIVALRY = 5
"""Times that an ingest looks anew where another one was faster, before it leaves the rest to a later one."""

GIVES_WAY = 0.05
"""Seconds, times the rivalries before."""


async def ingest_events(services: Services, *queues: str) -> None:
    """Whatever is due in the queues, all of them where none is named. Raises errors.Unavailable: the task comes again."""
    for queue in queues or QUEUES:
        await _ingest_queue(services, queue)


async def _ingest_queue(services: Services, queue: str) -> None:
    now = services.clock.timestamp()
    ends, rivalries = now + services.policy.work_limit, 0
    while due := await services.store.find(
        EventLog,
        "events",
        ("queue", "==", queue),
        ("due", "<=", services.clock.timestamp()),
        order_by="due",
        limit=LOGS_AT_ONCE,
    ):
        if rivalries > MOST_RIVALRY or services.clock.timestamp() > ends or services.worker_slots.is_closing:
            await ask_for_ingest(services, [queue])
            return
        if not await _ingest_logs(services, due):
            rivalries += 1
            await asyncio.sleep(GIVES_WAY * rivalries)
        elif len(due) < LOGS_AT_ONCE:
            break
    later = await services.store.fields(
        "events",
        ("queue", "==", queue),
        ("due", ">", now),
        select=("due",),
        order_by="due",
        limit=1,
    )
    for _, fields in later:
        await ask_for_ingest(services, [queue], fields["due"])


async def _ingest_logs(services: Services, due: Sequence[Stored[EventLog]]) -> bool:
    """False where another ingest was at one of them, or at what they are about."""
    logs: list[OpenLog] = []
    for stored in due:
        try:
            logs.append(open_log(stored))
        except Exception as failure:
            await _put_off(services, stored.path, stored.value.tries + 1, failure)
    done = True
    for _, some in groupby(sorted(logs, key=_kind), key=_kind):
        try:
            await _ingest_safely(services, Backlog(list(some)))
        except Moved:
            done = False
    return done


def _kind(log: OpenLog) -> tuple[str, int]:
    return log.source, log.tries


async def _ingest_safely(services: Services, backlog: Backlog) -> None:
    """A log that cannot be applied is put off and reported; others do not wait. Raises Moved, errors.Unavailable."""
    try:
        await _ingest(services, backlog)
    except (Moved, Unavailable):
        raise
    except Exception as failure:
        if len(backlog.logs) == 1:
            log = backlog.logs[0]
            await _put_off(services, log.path, log.tries + 1, failure)
            return
        for log in backlog.logs:
            await _ingest_safely(services, Backlog([log]))


async def _put_off(services: Services, path: str, tries: int, failure: Exception) -> None:
    words = f"the events of {path} could not be ingested and are tried again later"
    log_event("ingest_failed", words, failed=failure, tries=tries)
    due = services.clock.timestamp() + LONGEST_WAIT if tries < MOST_TRIES else None
    await services.store.commit(Update(path, {"due": due, "tries": tries}))


async def _ingest(services: Services, backlog: Backlog) -> None:
    """A stretch at a time; each commit names the versions of the logs that it read.

    Tasks are queued first: one without its notification is dropped, a notification without its task would wait for a day.
    """
    while backlog.events:
        step = await next_step(services, backlog)
        await services.tasks.enqueue(*step.tasks)
        for log in step.put_off:
            await ask_for_ingest(services, queues_in([log]), due_of(log))
        domains = sorted(step.outcome.domains)
        for domain in domains:
            await ensure_assessment(services, domain)
        versions = await services.store.commit(*step.marks, *step.writes)
        backlog.advance(step.count, versions[: len(step.marks)])
        for domain in domains:
            await ask_for_assessment(services, domain)
