"""`/batch-submit/{id}/recipients`, `/links` and `/reasons`: who got a batch, what became of each, and what they did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from warmpost.actions.batches.report import RecipientQuery, list_recipients
from warmpost.actions.context import Services
from warmpost.actions.delivery.find import find_batch
from warmpost.actions.delivery.recipient_status import RecipientStatus
from warmpost.actions.statistics.details import hours_of, links_of, reasons_of
from warmpost.errors import Invalid
from warmpost.gateways.api import answers
from warmpost.gateways.api.answers import Answer, Count
from warmpost.gateways.http.app import Parameter, Route, json_response, moment
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.collections import PAGE, page
from warmpost.gateways.http.csv_files import csv_lines
from warmpost.gateways.http.parameters import one_of, shown_recipient
from warmpost.rules.bounces.classify import BounceClass
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


class ClickedLink(Answer):
    """clicked: how often. machine_clicked: by programs that try every link."""

    link: str
    clicked: Count
    machine_clicked: Count


class ReadingHour(Answer):
    """hour: such as `2026-11-23T09`, in the deployment's time zone."""

    hour: str
    opened: Count
    clicked: Count
    machine_opened: Count
    machine_clicked: Count


class Reading(Answer):
    links: list[ClickedLink]
    hours: list[ReadingHour]


class Reason(Answer):
    """text: codes and words, `@` for addresses, `#` for what has digits. hard: the address is given up."""

    text: str
    bounce_class: str
    hard: bool
    count: Count


class Reasons(Answer):
    """classes: bounces by class, from the most to the least frequent."""

    items: list[Reason]
    classes: dict[str, Count]


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
    yield csv_lines([COLUMNS])
    cursor = ""
    while True:
        lines, cursor = await list_recipients(services, batch.id, query, cursor, ROWS_AT_ONCE)
        yield csv_lines([_row(line, _message_id(services, batch, line)) for line in lines])
        if not cursor:
            return


def _row(line: RecipientStatus, message_id: str) -> list[Any]:
    last = line.notes[-1] if line.notes else None
    said = (last.code or "", last.enhanced_code, harmless(last.text)) if last else ("", "", "")
    did = ("yes" if one else "no" for one in (line.opened, line.clicked, line.unsubscribed))
    return [line.position, harmless(line.to), line.status, moment(line.sent_at), *did, *said, message_id]


async def get_links(request: Request, services: Services, caller: Caller, id: str) -> Response:
    batch = await find_batch(services, id)
    links, hours = await links_of(services, batch.id), await hours_of(services, batch.id)
    return json_response(
        {
            "links": [
                {"link": link, "clicked": did["clicked"], "machine_clicked": did["machine_clicked"]}
                for link, did in links
            ],
            "hours": [
                {"hour": hour, **{name: did.get(name, 0) for name in ReadingHour.__struct_fields__[1:]}}
                for hour, did in hours
            ],
        }
    )


async def get_reasons(request: Request, services: Services, caller: Caller, id: str) -> Response:
    found = await reasons_of(services, (await find_batch(services, id)).id)
    classes: dict[str, int] = {}
    for one in found:
        classes[one.bounce_class] = classes.get(one.bounce_class, 0) + one.count
    items = [
        {
            "text": one.text,
            "bounce_class": one.bounce_class,
            "hard": BounceClass(one.bounce_class).is_hard,
            "count": one.count,
        }
        for one in found
    ]
    ordered = dict(sorted(classes.items(), key=lambda one: -one[1]))
    return json_response({"items": items, "classes": ordered})


DETAILS = (
    Route(
        "GET",
        "/{id}/links",
        get_links,
        "Clicks by link, openings and clicks by hour",
        scope="read",
        answers={200: Reading},
    ),
    Route(
        "GET",
        "/{id}/reasons",
        get_reasons,
        "Why servers refused it, by text and class",
        scope="read",
        answers={200: Reasons},
    ),
)
