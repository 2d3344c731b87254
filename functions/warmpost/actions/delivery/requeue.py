"""When a chunk or message is looked at again, and the task that does it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import ChunkDelivery, DeliveryJob
from warmpost.actions.delivery.leases import Lease
from warmpost.actions.outages.sleep_through_outage import sleep_through_outage
from warmpost.rules.delivery.progress import Progress
from warmpost.rules.delivery.retries import RetryPlan
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.model.derived_ids import task_name
from warmpost.rules.outages.outages import Sleeper

RETRY_EARLY = 1.0
"""Seconds by which a task may come early: the queue's clock is not ours."""

STALL_DELAYS = (5.0, 15.0, 60.0, 300.0)


def is_due(progress: Progress, now: float) -> bool:
    """Whether it is time to try deferred recipients again."""
    return progress.retry_at <= now + RETRY_EARLY


def next_retry(plan: RetryPlan, progress: Progress, now: float) -> float:
    """The earliest of the deferred recipients' next tries, 0 where none is deferred."""
    waits = [plan.delay(progress.details[position].tries) for position in progress.positions(Status.DEFERRED)]
    return now + min(waits) if waits else 0.0


def stall_delay(progress: Progress, now: float) -> float:
    """Seconds to wait for a relay that could not be reached, more the longer it lasts."""
    stalled = now - progress.stalled_since if progress.stalled_since else 0.0
    return next((delay for delay in STALL_DELAYS if stalled < delay * 3), STALL_DELAYS[-1])


async def requeue(services: Services, job: DeliveryJob, why: str, lease: Lease, at: float) -> None:
    """A follow-up named by the state it follows and its time, so that repeated tasks make one. at: epoch seconds.

    The time, because a wait may end in another one with nothing written in between.
    """
    state = (job.first, job.end, job.generation, round(job.resend * 1000), lease.seq, int(at))
    name = task_name(job.path.replace("/", "-"), why, *state)
    due = datetime.fromtimestamp(at, UTC) + timedelta(seconds=1)
    await services.tasks.enqueue(job.task(name, due))


async def retry_later(services: Services, job: DeliveryJob, progress: Progress) -> None:
    """For just the deferred recipients, wherever in the chunk they are."""
    name = task_name(job.path.replace("/", "-"), "retry", job.generation, progress.round)
    due = datetime.fromtimestamp(progress.retry_at, UTC)
    await services.tasks.enqueue(replace(job, first=0, end=0).task(name, due))


async def sleeps(services: Services, delivery: ChunkDelivery) -> bool:
    """Whether the batch waits without tasks. Single messages, and who is tried again by hand, ask by themselves."""
    job = delivery.job
    if not job.batch or job.resend:
        return False
    sleeper = Sleeper(job.batch, job.generation, json.dumps(job.as_body()))
    return await sleep_through_outage(services, delivery.pool, sleeper)
