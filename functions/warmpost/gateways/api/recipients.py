"""`GET /batch-submit/{id}/recipients`: who got a batch and what became of each, a page at a time or as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from warmpost.actions.batches.report import RecipientQuery, list_recipients
from warmpost.actions.context import Services
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.delivery.recipient_status import RecipientStatus
from warmpost.errors import Invalid
from warmpost.gateways.api import answers
from warmpost.gateways.http.app import Parameter, json_response, moment
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.collections import PAGE, page
from warmpost.gateways.http.parameters import one_of, shown_recipient
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.lists.csv_import import harmless
from warmpost.rules.model.derived_ids import batch_message_id
from warmpost.rules.model.writes import Stored
from warmpost.rules.requests.mailboxes import read_mailbox

STATUSES = ("held", *(status.value for status in Status))
COLUMNS = (
    *("position", "to", "status", "sent_at", "opened", "clicked", "unsubscribed"),
    *("code", "enhanced_code", "text", "message_id"),
)
ROWS_AT_ONCE = 1000
_DID = ("opened", "clicked", "unsubscribed")

RECIPIENTS = (
    *PAGE,
    Parameter("status", answers.RecipientStatus, "Only recipients of this status."),
    Parameter("address", str, "Only this one."),
    *(Parameter(name, bool, f"Only who has {name}, or with `false` who has not.") for name in _DID),
    Parameter("format", Literal["json", "csv"], "`csv` for all of them as a file."),
)


async def get_recipients(request: Request, services: Services, caller: Caller, id: str) -> Response:
    wanted, query = page(request), _query(request)
    batch = await find_batch(services, id)
    if one_of(request, "format", Literal["json", "csv"]) == "csv":
        headers = {"Content-Disposition": f'attachment; filename="batch-{batch.id}.csv"'}
        rows = _csv(services, batch, query)
        return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)
    lines, following = await list_recipients(services, id, query, wanted.cursor or "", wanted.limit)
    items = [shown_recipient(line, _message_id(services, batch, line)) for line in lines]
    return json_response({"items": items, "next_cursor": following or None})


def _query(request: Request) -> RecipientQuery:
    given = request.query_params
    status = given.get("status")
    if status is not None and status not in STATUSES:
        raise Invalid("invalid_status", f"A status is one of {', '.join(STATUSES)}.", "status")
    address = read_mailbox(given["address"], "address").address if "address" in given else None
    return RecipientQuery(status, address, *(_flag(request, name) for name in _DID))


def _flag(request: Request, name: str) -> bool | None:
    text = request.query_params.get(name)
    if text is not None and text not in ("true", "false"):
        raise Invalid("invalid_field", f"{name} is true or false, not {text[:40]!r}.", name)
    return None if text is None else text == "true"


def _message_id(services: Services, batch: Stored[Batch], line: RecipientStatus) -> str:
    return batch_message_id(services.policy.project, batch.id, line.position, batch.value.domain)


async def _csv(services: Services, batch: Stored[Batch], query: RecipientQuery) -> AsyncIterator[str]:
    yield _rows([COLUMNS])
    cursor = ""
    while True:
        lines, cursor = await list_recipients(services, batch.id, query, cursor, ROWS_AT_ONCE)
        yield _rows([_row(line, _message_id(services, batch, line)) for line in lines])
        if not cursor:
            return


def _row(line: RecipientStatus, message_id: str) -> list[Any]:
    last = line.notes[-1] if line.notes else None
    said = (last.code or "", last.enhanced_code, harmless(last.text)) if last else ("", "", "")
    did = ("yes" if one else "no" for one in (line.opened, line.clicked, line.unsubscribed))
    return [line.position, harmless(line.to), line.status, moment(line.sent_at), *did, *said, message_id]


def _rows(rows: list[Any]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
