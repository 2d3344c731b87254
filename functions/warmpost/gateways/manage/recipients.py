"""`/manage/lists/{id}/recipients`: added as JSON or CSV, looked through, removed one by one."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.lists import manage_lists
from warmpost.actions.lists.import_recipients import import_recipients
from warmpost.actions.storage.pagination import Listed
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import Answer, ImportedRecipients
from warmpost.gateways.api.answers import Listed as ListedAnswer
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Parameter, Route, json_response
from warmpost.gateways.http.bodies import MOST_BODY, decode, read_body
from warmpost.rules.lists.csv_import import JsonRows, Rows, open_csv
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.addresses import Flaw
from warmpost.rules.model.names import MOST_CHARACTERS

UTF_8 = ("utf-8", "utf8", "us-ascii")


class NewRecipient(collections.Body):
    """`to` and `email` mean the same; one of them is needed."""

    to: str | None = None
    email: str | None = None
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class NewRecipients(collections.Body):
    recipients: list[NewRecipient]


class ListedRecipient(Answer):
    to: str
    data: dict[str, Any]


def shown(one: Recipient) -> dict[str, object]:
    return {"to": one.address, "data": one.data}


async def add(request: Request, services: Services, reference: str) -> Response:
    body = await read_body(request, MOST_BODY)
    done = await import_recipients(services, reference, _rows(request.headers.get("content-type", ""), body))
    return json_response(
        {
            "added": done.added,
            "duplicates": done.duplicates,
            "rejected": done.rejected,
            "count": done.count,
        }
    )


def _rows(content_type: str, body: bytes) -> Rows:
    kind, _, parameters = content_type.lower().partition(";")
    if kind.strip() != "text/csv":
        return JsonRows([_given(at, one) for at, one in enumerate(decode(body, NewRecipients).recipients)])
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "') or "utf-8"
    if charset not in UTF_8:
        raise Invalid("invalid_csv", f"A CSV file must be in UTF-8, not {charset[:40]}.")
    rows = open_csv(body)
    if isinstance(rows, Flaw):
        raise Invalid("invalid_csv", f"The file {rows.reason}.")
    return rows


def _given(at: int, one: NewRecipient) -> tuple[str, dict[str, Any]]:
    field = f"recipients[{at}]"
    address = one.to if one.to is not None else one.email
    if address is None:
        raise Invalid("missing_field", "A recipient needs `to` (or `email`).", f"{field}.to")
    if one.to is not None and one.email is not None:
        raise Invalid("invalid_field", "`to` and `email` mean the same; give one of them.", f"{field}.email")
    long = next((name for name in one.data if not 0 < len(name) <= MOST_CHARACTERS), None)
    if long is not None:
        reason = f"Names of variables have 1 to {MOST_CHARACTERS} characters."
        raise Invalid("invalid_field", reason, f"{field}.data")
    return address, one.data


async def listing(request: Request, services: Services, reference: str) -> Response:
    page = collections.page(request)
    address = request.query_params.get("address")
    if address is None:
        return collections.listed(await manage_lists.list_recipients(services, reference, page), shown)
    found = await manage_lists.find_recipient(services, reference, address)
    return collections.listed(Listed(found, None), shown)


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
        answers={200: ListedAnswer[ListedRecipient]},
        parameters=(*collections.PAGE, Parameter("address", str, "Only this one.")),
    ),
    Route(
        "POST",
        "/lists/{reference}/recipients",
        add,
        "Add recipients: up to 100,000 rows",
        "manage",
        (NewRecipients, "text/csv"),
        {200: ImportedRecipients},
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
