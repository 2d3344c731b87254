"""`GET /send` and `GET /batch-submit`: all that was sent, newest first, by what people remember of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, get_args

from msgspec import field
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.delivery.find import find_by_message_id
from warmpost.actions.listings.list_batches import BatchQuery, BatchRow, list_batches
from warmpost.actions.listings.list_messages import MessageQuery, MessageRow, find_rows, list_messages
from warmpost.actions.statistics.costs import messages
from warmpost.actions.storage.names import find_list, find_template
from warmpost.actions.storage.pagination import Listed
from warmpost.errors import Invalid, NotFound
from warmpost.gateways.api import answers
from warmpost.gateways.api.costs import BatchCost, shown_cost
from warmpost.gateways.http.app import Parameter, deadline, json_response, moment
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.collections import PAGE, listed, page
from warmpost.gateways.http.parameters import moment_asked
from warmpost.rules.delivery.documents import BatchStatus
from warmpost.rules.operations.prices import Prices
from warmpost.rules.requests.mailboxes import read_mailbox

MOST_WORDS = 200

PERIOD = (
    Parameter("since", datetime, "Not older than this."),
    Parameter("until", datetime, "Older than this."),
)
MESSAGES = (
    *PAGE,
    Parameter("status", answers.RecipientStatus, "Only of this status."),
    Parameter("from", str, "A sender's address, or a sender domain."),
    Parameter("to", str, "A recipient's address."),
    Parameter("subject", str, "Words that are all in the subject."),
    Parameter("tag", str, "The name of a tag, or `name=value`."),
    *PERIOD,
    Parameter("message_id", str, "With or without its brackets; alone, for it names what is meant."),
)
BATCHES = (
    *PAGE,
    Parameter("status", BatchStatus, "Only of this status."),
    Parameter("name", str, "Words that are all in the name."),
    Parameter("list", str, "A list, by number or name."),
    Parameter("template", str, "A template, by number or name."),
    *PERIOD,
)


class ListedMessage(answers.Answer):
    """to: all who got it, in Cc and Bcc as well. counts: of them by status. opened, clicked: by one of them at least."""

    id: str
    status: answers.RecipientStatus
    counts: dict[answers.RecipientStatus, answers.Count]
    sender: str = field(name="from")
    to: list[str]
    subject: str
    template: answers.Id | None
    schedule: answers.Id | None
    run: datetime | None
    tags: dict[str, str]
    opened: bool
    clicked: bool
    created_at: datetime


class ListedBatch(answers.Answer):
    """cost: so far; what reports cost comes on top later."""

    id: answers.Id
    name: str
    status: BatchStatus
    reason: str | None
    paused_until: datetime | None
    counts: answers.Counts
    recipients: answers.Count
    duplicates: answers.Count
    sender: str = field(name="from")
    template: answers.Id | None
    list_: answers.Id | None = field(name="list")
    schedule: answers.Id | None
    run: datetime | None
    tags: dict[str, str]
    created_at: datetime
    finished_at: datetime | None
    cost: BatchCost


async def get_messages(request: Request, services: Services, caller: Caller) -> Response:
    given = request.query_params
    if "message_id" in given:
        wanted = given["message_id"].strip().removeprefix("<").removesuffix(">")
        rows = await find_rows(services, await find_by_message_id(services, wanted)) if wanted else []
        return listed(Listed(rows, None), _message)
    query = MessageQuery(
        status=_status(request, get_args(answers.RecipientStatus)),
        sender=_words(request, "from"),
        to=read_mailbox(given["to"], "to").address if "to" in given else "",
        subject=_words(request, "subject"),
        tag=_tag(given["tag"]) if given.get("tag") else None,
        since=moment_asked(request, "since"),
        until=moment_asked(request, "until"),
    )
    return listed(await list_messages(services, query, page(request)), _message)


async def get_batches(request: Request, services: Services, caller: Caller) -> Response:
    query = BatchQuery(
        status=_status(request, tuple(one.value for one in BatchStatus)),
        name=_words(request, "name"),
        list_id=await _number(services, request, "list"),
        template=await _number(services, request, "template"),
        since=moment_asked(request, "since"),
        until=moment_asked(request, "until"),
    )
    found = await list_batches(services, query, page(request))
    prices = services.policy.prices
    items = [_batch(row, prices) for row in found.items]
    return json_response({"items": items, "next_cursor": found.next_cursor})


def _status(request: Request, known: tuple[str, ...]) -> str:
    status = request.query_params.get("status", "")
    if status and status not in known:
        raise Invalid("invalid_status", f"A status is one of {', '.join(known)}.", "status")
    return status


def _words(request: Request, name: str) -> str:
    text = request.query_params.get(name, "").strip()
    if len(text) > MOST_WORDS:
        raise Invalid("value_too_long", f"{name} has {MOST_WORDS} characters at most.", name)
    return text


def _tag(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


async def _number(services: Services, request: Request, name: str) -> str:
    """Of a list or template, which may be named. One that is gone is still known by its number. Raises NotFound."""
    reference = request.query_params.get(name, "")
    if not reference or (reference.isascii() and reference.isdigit() and len(reference) < 16):
        return reference
    try:
        found = await (find_list if name == "list" else find_template)(services.store, reference, name)
    except NotFound as error:
        raise Invalid(f"invalid_{name}", str(error), name) from None
    return found.id


def _message(row: MessageRow) -> dict[str, Any]:
    value = row.message
    return {
        "id": row.id,
        "status": row.status,
        "counts": dict(Counter(line.status for line in row.lines)),
        "from": value.sender,
        "to": [line.to for line in row.lines],
        "subject": value.subject,
        "template": int(value.template) if value.template else None,
        "schedule": int(value.schedule) if value.schedule else None,
        "run": moment(value.run),
        "tags": value.tags,
        "opened": any(line.opened for line in row.lines),
        "clicked": any(line.clicked for line in row.lines),
        "created_at": moment(value.created_at),
    }


def _batch(row: BatchRow, prices: Prices) -> dict[str, Any]:
    value = row.batch
    return {
        "id": int(row.id),
        "name": value.name,
        "status": row.status,
        "reason": row.reason or None,
        "paused_until": deadline(row.paused_until),
        "counts": row.counts,
        "recipients": value.total,
        "duplicates": value.duplicates,
        "from": value.sender,
        "template": int(value.template) if value.template else None,
        "list": int(value.list_id) if value.list_id else None,
        "schedule": int(value.schedule) if value.schedule else None,
        "run": moment(value.run),
        "tags": value.tags,
        "created_at": moment(value.created_at),
        "finished_at": moment(value.finished_at),
        "cost": shown_cost(row.usage, prices, messages(row.counts)),
    }
