"""`/work`: the verbs behind the queue. Called by Cloud Tasks with an identity token, by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.batches.plan_batch import plan_batch
from warmpost.actions.batches.probe_pool import probe_pool
from warmpost.actions.batches.release_chunks import release_chunks
from warmpost.actions.context import Services
from warmpost.actions.delivery.deliver import deliver
from warmpost.actions.delivery.delivery_job import DeliveryJob
from warmpost.actions.erasure.erase_recipient import erase_recipient
from warmpost.actions.events.ingest_events import ingest_events
from warmpost.actions.identity.check_domains import check_identity
from warmpost.actions.operations.daily import sweep
from warmpost.actions.schedules.trigger_schedule import trigger_schedule
from warmpost.actions.storage import log
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.warmup.assess_domain import assess_domain
from warmpost.actions.webhooks.post_notifications import notify
from warmpost.errors import Conflict, Invalid, NotFound
from warmpost.gateways.http.app import json_response, segments
from warmpost.gateways.http.auth import TokenCheck, bearer
from warmpost.gateways.http.bodies import decode, read_body
from warmpost.gateways.tasks.task_models import (
    BatchTask,
    DomainTask,
    EraseTask,
    FireTask,
    IngestTask,
    NotifyTask,
    ProbeTask,
    SweepTask,
)
from warmpost.rules.events.event_queues import ALL, QUEUES

Verb = Callable[[Services, bytes], Awaitable[None]]

MOST_TASK = 1_000_000
MOST_LOOKS = 6
"""Retries of a task whose document is not there: a task is queued just before its document is written."""

SOON = (0.02, 0.05, 0.1, 0.2)
"""Seconds between looks for it before the queue is asked to come again, which takes half a second and more."""


async def work(request: Request, services: Services, tokens: TokenCheck) -> Response:
    with log.refusals("caller_rejected"):
        await tokens.check(bearer(request))
    name = segments(request).strip("/")
    verb = VERBS.get(name) if request.method == "POST" else None
    if verb is None:
        raise NotFound("not_found", f"There is no task {segments(request)}.")
    body = await read_body(request, MOST_TASK)
    try:
        with log.about(task=name):
            await _as_soon_as_it_is_there(verb, services, body)
    except NotStoredYetError:
        if int(request.headers.get("x-cloudtasks-taskretrycount", "0")) < MOST_LOOKS:
            # Not 503: that slows the whole queue down, where this is about one task.
            raise Conflict("not_there_yet", "What this task is about is not stored yet.") from None
    return json_response({"done": True})


async def _as_soon_as_it_is_there(verb: Verb, services: Services, body: bytes) -> None:
    for pause in SOON:
        try:
            await verb(services, body)
            return
        except NotStoredYetError:
            await asyncio.sleep(pause)
    await verb(services, body)


async def _deliver(services: Services, body: bytes) -> None:
    job = decode(body, DeliveryJob)
    if not (job.message or (job.batch and job.chunk)):
        raise Invalid(
            "missing_field", "A deliver task names a message, or a batch and a chunk of it.", "message"
        )
    services.metering.bill_to(job.batch or "send")
    with log.about(batch=job.batch, chunk=job.chunk, message_id=job.message):
        await deliver(services, job)


async def _plan(services: Services, body: bytes) -> None:
    task = decode(body, BatchTask)
    services.metering.bill_to(task.batch)
    with log.about(batch=task.batch):
        await plan_batch(services, task.batch, task.turn)


async def _release(services: Services, body: bytes) -> None:
    task = decode(body, BatchTask)
    services.metering.bill_to(task.batch)
    with log.about(batch=task.batch):
        await release_chunks(services, task.batch, task.turn)


async def _assess(services: Services, body: bytes) -> None:
    domain = decode(body, DomainTask).domain
    with log.about(domain=domain):
        await assess_domain(services, domain)


async def _check(services: Services, body: bytes) -> None:
    domain = decode(body, DomainTask).domain
    with log.about(domain=domain):
        await check_identity(services, domain)


async def _trigger(services: Services, body: bytes) -> None:
    task = decode(body, FireTask)
    with log.about(schedule=task.schedule):
        await trigger_schedule(services, task.schedule, task.run)


async def _notify(services: Services, body: bytes) -> None:
    task = decode(body, NotifyTask)
    with log.about(notification=task.notification):
        await notify(services, task.notification, task.attempt)


async def _probe(services: Services, body: bytes) -> None:
    task = decode(body, ProbeTask)
    with log.about(pool=task.pool):
        await probe_pool(services, task.pool, task.turn, task.step)


async def _sweep(services: Services, body: bytes) -> None:
    task = decode(body, SweepTask)
    await sweep(services, task.part, task.after, task.run)


async def _erase(services: Services, body: bytes) -> None:
    task = decode(body, EraseTask)
    with log.about(erasure=task.erasure):
        await erase_recipient(services, task.erasure, task.turn)


async def _ingest(services: Services, body: bytes) -> None:
    queue = decode(body, IngestTask).queue
    await ingest_events(services, *(QUEUES if queue == ALL else (queue,)))


VERBS: dict[str, Verb] = {
    "deliver": _deliver,
    "plan": _plan,
    "release": _release,
    "trigger": _trigger,
    "assess": _assess,
    "check": _check,
    "probe": _probe,
    "sweep": _sweep,
    "notify": _notify,
    "ingest": _ingest,
    "erase": _erase,
}
