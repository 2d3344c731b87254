"""`/manage/lists/{id}/recipients`: added as JSON or CSV, looked through, removed one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from warmpost.actions.context import Services
from warmpost.actions.lists import manage_lists
from warmpost.actions.lists.change_recipients import change_recipient
from warmpost.actions.lists.import_recipients import import_recipients
from warmpost.actions.storage.names import find_list
from warmpost.actions.storage.pagination import Listed, Page
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import Answer, Count
from warmpost.gateways.api.answers import Listed as ListedAnswer
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Parameter, Route, json_response
from warmpost.gateways.http.bodies import decode
from warmpost.gateways.http.csv_files import csv_lines
from warmpost.gateways.http.parameters import one_of
from warmpost.gateways.http.uploads import CSV_OPTIONS, Upload, read_upload
from warmpost.rules.lists.columns import variable_name
from warmpost.rules.lists.csv_import import JsonRows, Rejected, Rows, harmless, open_csv
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.addresses import Flaw
from warmpost.rules.model.names import MOST_CHARACTERS
from warmpost.rules.model.writes import Stored

ROWS_AT_ONCE = 1000


class ImportedRecipients(Answer):
    """columns: names of columns that became others, so that a template can write them."""

    added: Count
    updated: Count
    duplicates: Count
    rejected: list[Rejected]
    count: Count
    columns: dict[str, str]


class NewRecipient(collections.Body):
    """`to` and `email` mean the same; one of them is needed."""

    to: str | None = None
    email: str | None = None
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class NewRecipients(collections.Body):
    recipients: list[NewRecipient]


class RecipientChange(collections.Body):
    """Laid over the variables that are there; null takes one away."""

    data: dict[str, Any]


class ListedRecipient(Answer):
    """suppressed: the reason, null for none; where `suppressed` was asked for."""

    to: str
    data: dict[str, Any]
    suppressed: str | msgspec.UnsetType | None = msgspec.UNSET


def shown(one: Recipient) -> dict[str, object]:
    return {"to": one.address, "data": one.data}


async def add(request: Request, services: Services, reference: str) -> Response:
    update = one_of(request, "update", Literal["false", "true"]) == "true"
    done = await import_recipients(services, reference, await _rows(await read_upload(request)), update)
    return json_response(
        {
            "added": done.added,
            "updated": done.updated,
            "duplicates": done.duplicates,
            "rejected": done.rejected,
            "count": done.count,
            "columns": done.renamed,
        }
    )


async def _rows(upload: Upload) -> Rows:
    if upload.is_json:
        model = decode(upload.body, NewRecipients)
        return JsonRows([_given(at, one) for at, one in enumerate(model.recipients)])
    rows = await asyncio.to_thread(open_csv, upload.body, upload.options)
    if isinstance(rows, Flaw):
        raise Invalid("invalid_csv", f"The file {rows.reason}.")
    return rows


async def change(request: Request, services: Services, reference: str, address: str) -> Response:
    body = await collections.read(request, RecipientChange)
    _check_names(body.data, "data")
    data = {variable_name(name): value for name, value in body.data.items()}
    return json_response(shown(await change_recipient(services, reference, address, data)))


def _given(at: int, one: NewRecipient) -> tuple[str, dict[str, Any]]:
    field = f"recipients[{at}]"
    address = one.to if one.to is not None else one.email
    if address is None:
        raise Invalid("missing_field", "A recipient needs `to` (or `email`).", f"{field}.to")
    if one.to is not None and one.email is not None:
        raise Invalid("invalid_field", "`to` and `email` mean the same; give one of them.", f"{field}.email")
    _check_names(one.data, f"{field}.data")
    return address, one.data


def _check_names(data: Mapping[str, object], field: str) -> None:
    if any(not 0 < len(name) <= MOST_CHARACTERS for name in data):
        reason = f"Names of variables have 1 to {MOST_CHARACTERS} characters."
        raise Invalid("invalid_field", reason, field)


async def listing(request: Request, services: Services, reference: str) -> Response:
    page = collections.page(request)
    wanted = one_of(request, "suppressed", Literal["", "all", "true", "false"])
    if one_of(request, "format", Literal["json", "csv"]) == "csv":
        found = await find_list(services.store, reference)
        headers = {"Content-Disposition": f'attachment; filename="list-{found.id}.csv"'}
        rows = _csv(services, found, wanted)
        return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)
    address = request.query_params.get("address")
    if address is None:
        listed = await manage_lists.list_recipients(services, reference, page)
    else:
        listed = Listed(await manage_lists.find_recipient(services, reference, address), None)
    if not wanted:
        return collections.listed(listed, shown)
    reasons = await _suppressed(services, listed.items)
    items = [
        shown(one) | {"suppressed": reasons.get(one.address)} for one in _kept(listed.items, reasons, wanted)
    ]
    return json_response({"items": items, "next_cursor": listed.next_cursor})


async def _suppressed(services: Services, some: Sequence[Recipient]) -> Mapping[str, str]:
    """By what holds for every sender domain."""
    addresses = [one.address for one in some]
    return await services.suppressed.among(addresses, "", services.clock.now())


def _kept(some: Sequence[Recipient], reasons: Mapping[str, str], wanted: str) -> Sequence[Recipient]:
    """wanted: `true` for the suppressed, `false` for the others."""
    if wanted in ("", "all"):
        return some
    return [one for one in some if (one.address in reasons) is (wanted == "true")]


async def _csv(services: Services, found: Stored[RecipientList], wanted: str) -> AsyncIterator[str]:
    """With the columns that all of its first page have or that anybody there has; it imports again as it is."""
    page = await manage_lists.list_recipients(services, found.id, Page(ROWS_AT_ONCE))
    columns = dict.fromkeys(name for one in page.items for name in one.data)
    yield csv_lines([["email", *columns]])
    while True:
        some = page.items
        if wanted not in ("", "all"):
            some = _kept(some, await _suppressed(services, some), wanted)
        yield csv_lines([[harmless(one.address), *_cells(one, columns)] for one in some])
        if page.next_cursor is None:
            return
        page = await manage_lists.list_recipients(services, found.id, Page(ROWS_AT_ONCE, page.next_cursor))


def _cells(one: Recipient, columns: Iterable[str]) -> Iterator[str]:
    for name in columns:
        value = one.data.get(name, "")
        yield harmless(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


async def remove(request: Request, services: Services, reference: str, address: str) -> Response:
    await manage_lists.remove_recipient(services, reference, address)
    return collections.deleted()


ROUTES = [
    Route(
        "GET",
        "/lists/{reference}/recipients",
        listing,
        "Its recipients",
        scope="read",
        answers={200: (ListedAnswer[ListedRecipient], "text/csv")},
        parameters=(
            *collections.PAGE,
            Parameter("address", str, "Only this one."),
            Parameter(
                "suppressed",
                Literal["all", "true", "false"],
                "Says who is suppressed: all of them, only who is, or only who is not.",
            ),
            Parameter(
                "format", Literal["json", "csv"], "`csv` for all of them as a file that imports again."
            ),
        ),
    ),
    Route(
        "POST",
        "/lists/{reference}/recipients",
        add,
        "Add recipients: up to 100,000 rows",
        "manage",
        (NewRecipients, "text/csv"),
        {200: ImportedRecipients},
        (
            Parameter("update", Literal["false", "true"], "`true` changes people who are there already."),
            *CSV_OPTIONS,
        ),
    ),
    Route(
        "PATCH",
        "/lists/{reference}/recipients/{address}",
        change,
        "Change one's variables",
        "manage",
        RecipientChange,
        {200: ListedRecipient},
    ),
    Route(
        "DELETE",
        "/lists/{reference}/recipients/{address}",
        remove,
        "Remove one",
        "manage",
        answers={204: None},
    ),
]
