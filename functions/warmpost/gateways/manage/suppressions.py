"""`/manage/suppressions`: addresses that must not be mailed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from warmpost.actions.context import Services
from warmpost.actions.suppressions import manage_suppressions
from warmpost.actions.suppressions.import_suppressions import import_suppressions
from warmpost.actions.suppressions.manage_suppressions import (
    Wanted,
    export_suppressions,
    list_suppressions,
    suppress_address,
)
from warmpost.errors import Invalid
from warmpost.gateways.api import answers
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Parameter, Route, deadline, json_response, moment
from warmpost.gateways.http.bodies import decode
from warmpost.gateways.http.csv_files import csv_lines
from warmpost.gateways.http.uploads import CSV_OPTIONS, Upload, read_upload
from warmpost.gateways.manage import suppression_answers as shapes
from warmpost.rules.lists.csv_import import harmless
from warmpost.rules.model.addresses import ERASED, Flaw
from warmpost.rules.model.writes import Stored
from warmpost.rules.suppressions.documents import Suppression, SuppressionReason
from warmpost.rules.suppressions.precedence import COLUMNS, REASONS, by_hand, open_suppressions, read_scope


class NewSuppression(collections.Body):
    """domain: the sender domain it holds for; without one it holds for all."""

    address: str
    reason: str = "manual"
    domain: str | None = None
    note: str = ""
    expires_at: str | None = None


def shown(one: Suppression) -> dict[str, Any]:
    return {
        "address": one.address,
        "reason": one.reason,
        "domain": one.scope or None,
        "since": moment(one.since),
        "expires_at": deadline(one.expires_at),
        "note": one.note,
    }


def shown_lifted(one: Suppression) -> dict[str, Any]:
    return shown(one) | {"lifted_at": moment(one.lifted_at), "lifted_note": one.lifted_note}


async def create(request: Request, services: Services) -> Response:
    upload = await read_upload(request)
    if not upload.is_json:
        return await _import(upload, services)
    body = decode(upload.body, NewSuppression)
    wanted = by_hand(
        body.address, services.clock.now(), body.reason, body.domain or "", body.note, body.expires_at
    )
    return json_response(shown(await suppress_address(services, wanted)), 201)


async def _import(upload: Upload, services: Services) -> Response:
    rows = await asyncio.to_thread(open_suppressions, upload.body, upload.options)
    if isinstance(rows, Flaw):
        raise Invalid("invalid_csv", f"The file {rows.reason}.")
    done = await import_suppressions(services, rows)
    rejected = [{"line": one.line, "address": one.email, "reason": one.reason} for one in done.rejected]
    return json_response(
        {"added": done.added, "changed": done.changed, "duplicates": done.duplicates, "rejected": rejected}
    )


async def listing(request: Request, services: Services) -> Response:
    page = collections.page(request)
    wanted = _wanted(request)
    form = request.query_params.get("format", "json")
    if form == "csv":
        pages = export_suppressions(services, wanted)
        return StreamingResponse(_as_csv(await anext(pages), pages), media_type="text/csv; charset=utf-8")
    if form != "json":
        raise Invalid("invalid_format", "Suppressions come as `json` or `csv`.", "format")
    show = shown_lifted if wanted.lifted else shown
    return collections.listed(await list_suppressions(services, page, wanted), lambda one: show(one.value))


def _wanted(request: Request) -> Wanted:
    reason = request.query_params.get("reason")
    if reason is not None and reason not in REASONS:
        raise Invalid("invalid_reason", f"A reason is one of {', '.join(REASONS)}.", "reason")
    lifted = request.query_params.get("lifted", "false")
    if lifted not in ("true", "false"):
        raise Invalid("invalid_field", "`lifted` is `true` or `false`.", "lifted")
    return Wanted(reason, _domain(request), lifted == "true")


def _domain(request: Request) -> str | None:
    """Empty for what holds for the whole deployment, None where nothing is said."""
    domain = request.query_params.get("domain")
    return None if domain is None else read_scope(domain)


async def _as_csv(
    first: Iterable[Stored[Suppression]], pages: AsyncIterator[Iterable[Stored[Suppression]]]
) -> AsyncIterator[bytes]:
    """The first page is read before the answer begins, so that what goes wrong can still be said."""
    yield csv_lines([COLUMNS]).encode() + _rows(first)
    async for page in pages:
        yield _rows(page)


def _rows(page: Iterable[Stored[Suppression]]) -> bytes:
    """Without those that hold by their hash alone: a file of them would suppress nobody."""
    rows = [shown(one.value) for one in page if one.value.address != ERASED]
    return csv_lines([harmless(row[name] or "") for name in COLUMNS] for row in rows).encode()


async def get(request: Request, services: Services, address: str) -> Response:
    """What says most of the address, and in `scopes` everything that holds."""
    found = await manage_suppressions.find_suppressions(services, address)
    scopes = [shown(one.value) for one in found]
    for one in scopes:
        if one["address"] == ERASED:
            one["address"] = address.strip()
    return json_response({**scopes[0], "scopes": scopes})


async def delete(request: Request, services: Services, address: str) -> Response:
    note = request.query_params.get("note", "")
    await manage_suppressions.lift_suppression(services, address, _domain(request), note)
    return collections.deleted()


_SCOPE = Parameter("domain", str, "Of this sender domain alone; empty for those that hold everywhere.")
_WANTED = (
    Parameter("reason", SuppressionReason),
    _SCOPE,
    Parameter("lifted", Literal["true", "false"], "`true` for those that hold no more."),
    Parameter("format", Literal["json", "csv"]),
)

ROUTES = [
    Route(
        "GET",
        "/suppressions",
        listing,
        "Addresses that are not mailed",
        scope="read",
        answers={200: (answers.Listed[shapes.ListedSuppression], "text/csv")},
        parameters=(*collections.PAGE, *_WANTED),
    ),
    Route(
        "POST",
        "/suppressions",
        create,
        "Suppress an address, or a file of them",
        "manage",
        (NewSuppression, "text/csv"),
        {201: shapes.Suppression, 200: shapes.ImportedSuppressions},
        CSV_OPTIONS,
    ),
    Route(
        "GET",
        "/suppressions/{address}",
        get,
        "What holds for an address",
        scope="read",
        answers={200: shapes.FoundSuppression},
    ),
    Route(
        "DELETE",
        "/suppressions/{address}",
        delete,
        "Lift what holds for an address",
        "manage",
        answers={204: None},
        parameters=(_SCOPE, Parameter("note", str, "Why.")),
    ),
]
