"""`/manage/health`: whether all is well, for people and for dashboards; `/manage/alive`: whether anybody is there."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.operations.health import check_health
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import Answer, Count
from warmpost.gateways.http.app import Parameter, Route, json_response, moment
from warmpost.rules.operations.health import Findings, HealthStatus, Work, as_metrics, judge

METRICS = "application/openmetrics-text"


class Reach(Answer):
    """reason: why there was no answer, null where there was one."""

    reachable: bool
    reason: str | None


class QueueHealth(Reach, kw_only=True):
    """tasks: of 1,000 looked at, then capped. due: tasks whose time has come; oldest_due: since when one waits."""

    name: str
    paused: bool
    tasks: Count
    due: Count
    capped: bool
    oldest_due: datetime | None


class RelayHealth(Reach, kw_only=True):
    pool: str
    relay: str


class StalledHealth(Answer):
    """reason: the relay's words."""

    batch: str
    since: datetime
    reason: str


class BatchesHealth(Answer):
    """Of 200 batches, then capped; uncertain and stalled of the first 20. held: recipients that wait for volume.

    uncertain_in: the batches of those that are.
    """

    running: Count
    capped: bool
    held: Count
    oldest_held: datetime | None
    uncertain: Count
    uncertain_in: list[str]
    stalled: list[StalledHealth]


class Health(Answer):
    """reasons: everything that a person should look at, in words. down: nothing can be taken; answered with 503."""

    status: HealthStatus
    reasons: list[str]
    at: datetime
    firestore: Reach
    dns: Reach
    queues: list[QueueHealth]
    relays: list[RelayHealth]
    batches: BatchesHealth
    overdue_pauses: list[str]
    blocked_domains: list[str]
    full_domains: list[str]
    disabled_webhooks: list[str]
    overdue_schedules: Count
    failing_schedules: list[str]
    last_daily_run: datetime | None


class Alive(Answer):
    status: Literal["ok"]


async def get(request: Request, services: Services) -> Response:
    asked = request.query_params.get("format", "json")
    if asked not in ("json", "prometheus"):
        raise Invalid("invalid_field", "A format is json or prometheus.", "format")
    found = await check_health(services)
    status, _ = judge(found)
    code = 503 if status == "down" else 200
    if asked == "prometheus":
        return Response(as_metrics(found), code, media_type=f"{METRICS}; version=1.0.0; charset=utf-8")
    return json_response(shown(found), code)


def shown(found: Findings) -> dict[str, object]:
    work, (status, reasons) = found.work, judge(found)
    return {
        "status": status,
        "reasons": reasons,
        "at": moment(found.at),
        "firestore": _reach(found.firestore),
        "dns": _reach(found.dns),
        "queues": [
            _reach(one.reason)
            | {"name": one.name, "paused": one.paused, "tasks": one.tasks, "due": one.due}
            | {"capped": one.capped, "oldest_due": moment(one.oldest_due)}
            for one in found.queues
        ],
        "relays": [_reach(one.reason) | {"pool": one.pool, "relay": one.relay} for one in found.relays],
        "batches": _batches(work),
        "overdue_pauses": work.overdue_pauses,
        "blocked_domains": work.blocked,
        "full_domains": work.full,
        "disabled_webhooks": work.disabled_webhooks,
        "overdue_schedules": work.overdue_schedules,
        "failing_schedules": work.failing_schedules,
        "last_daily_run": moment(work.last_daily_run),
    }


def _batches(work: Work) -> dict[str, object]:
    return {
        "running": work.running,
        "capped": work.capped,
        "held": work.held,
        "oldest_held": moment(work.oldest_held),
        "uncertain": work.uncertain,
        "uncertain_in": work.uncertain_batches,
        "stalled": [
            {"batch": one.batch, "since": moment(one.since), "reason": one.reason} for one in work.stalled
        ],
    }


def _reach(reason: str) -> dict[str, object]:
    return {"reachable": not reason, "reason": reason or None}


async def alive(request: Request, services: Services) -> Response:
    """Looks at nothing: it tells that the function runs and can read its settings."""
    return json_response({"status": "ok"})


FORMAT = (Parameter("format", Literal["json", "prometheus"], "`prometheus` for OpenMetrics text"),)
ROUTES = [
    Route(
        "GET",
        "/health",
        get,
        "How the deployment fares",
        scope="read",
        answers={200: (Health, METRICS), 503: (Health, METRICS)},
        parameters=FORMAT,
    ),
    Route("GET", "/alive", alive, "Whether the function runs", answers={200: Alive}),
]
