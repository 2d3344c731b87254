"""ListSendTasks: batches and what is planned, in one space of numbers.

A batch keeps its own number, which callbacks carry too; a schedule's stands far above, and below 2^53, which JavaScript's
numbers reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from warmpost.actions.listings.list_batches import BatchQuery, BatchRow, list_batches
from warmpost.actions.schedules.schedules import list_schedules
from warmpost.actions.storage.pagination import Page
from warmpost.gateways.tencent.calls import Action, Call, Parameters, require_limit

Unsigned = Annotated[int, Meta(ge=0)]
FIRST_SCHEDULE = 4_000_000_000_000
MOST_LOOKED_AT = 1000
IMMEDIATE, TIMED, CYCLE = 1, 2, 3
PENDING, SENDING, HELD, FAILED, DONE = 1, 5, 6, 7, 10
_STATUSES = {
    "planning": SENDING,
    "sending": SENDING,
    "paused": HELD,
    "failed": FAILED,
    "cancelled": FAILED,
    "done": DONE,
}
NOT_SENT = ("held", "queued", "sending", "suppressed", "failed", "cancelled")


def schedule_task_id(number: int) -> int:
    return FIRST_SCHEDULE + number


class WantedTasks(Parameters):
    offset: Unsigned
    limit: Unsigned
    status: Unsigned | None = None
    receiver_id: Unsigned | None = None
    task_type: Unsigned | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    created_at: datetime
    row: dict[str, Any]


async def list_tasks(call: Call, wanted: WantedTasks) -> Mapping[str, object]:
    """Newest first, among the newest 1,000 batches and the first 1,000 schedules."""
    require_limit(wanted.limit)
    list_id = str(wanted.receiver_id) if wanted.receiver_id else ""
    batches = await list_batches(call.services, BatchQuery(list_id=list_id), Page(MOST_LOOKED_AT))
    planned = [] if list_id else (await list_schedules(call.services, Page(MOST_LOOKED_AT))).items
    found = [*(_batch(call, row) for row in batches.items), *_schedules(call, planned)]
    kept = [
        one
        for one in sorted(found, key=lambda one: one.created_at, reverse=True)
        if wanted.status in (None, one.row["TaskStatus"]) and wanted.task_type in (None, one.row["TaskType"])
    ]
    rows = [one.row for one in kept[wanted.offset :][: wanted.limit]]
    return {"TotalCount": len(kept), "Data": rows}


def _batch(call: Call, row: BatchRow) -> Listed:
    value, counts = row.batch, row.counts
    kind = CYCLE if value.schedule else IMMEDIATE
    sent = value.total - sum(counts[name] for name in NOT_SENT)
    return Listed(
        value.created_at,
        {
            "TaskId": int(row.id),
            "FromEmailAddress": value.sender,
            "ReceiverId": int(value.list_id or 0),
            "TaskStatus": _STATUSES.get(row.status, SENDING),
            "TaskType": kind,
            "RequestCount": value.total,
            "SendCount": sent,
            "CacheCount": counts["held"],
            "CreateTime": call.civil(value.created_at),
            "UpdateTime": call.civil(value.finished_at or value.created_at),
            "Subject": value.name,
            "Template": {"TemplateID": int(value.template or 0), "TemplateData": "{}"},
            "CycleParam": None,
            "TimedParam": None,
            "ErrMsg": row.reason,
            "ReceiversName": "",
        },
    )


def _schedules(call: Call, planned: Sequence[tuple[str, dict[str, Any]]]) -> list[Listed]:
    return [_schedule(call, row) for _, row in planned if row["kind"] == "batch"]


def _schedule(call: Call, row: dict[str, Any]) -> Listed:
    again = bool(row.get("every_hours") or row.get("rrule"))
    begin = call.civil(row["start_at"])
    cycle = {"BeginTime": begin, "IntervalTime": row.get("every_hours") or 0, "TermCycle": 0}
    status = {"active": PENDING, "paused": HELD, "ended": DONE}[row["state"]]
    return Listed(
        row["created_at"],
        {
            "TaskId": schedule_task_id(row["number"]),
            "FromEmailAddress": "",
            "ReceiverId": 0,
            "TaskStatus": status,
            "TaskType": CYCLE if again else TIMED,
            "RequestCount": 0,
            "SendCount": 0,
            "CacheCount": 0,
            "CreateTime": call.civil(row["created_at"]),
            "UpdateTime": call.civil(row.get("last_run") or row["created_at"]),
            "Subject": row["name"],
            "Template": None,
            "CycleParam": cycle if again else None,
            "TimedParam": None if again else {"BeginTime": begin},
            "ErrMsg": row.get("failure", ""),
            "ReceiversName": "",
        },
    )


ACTIONS = {"ListSendTasks": Action(WantedTasks, "read", list_tasks)}
