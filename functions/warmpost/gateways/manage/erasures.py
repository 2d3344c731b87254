"""`/manage/recipients/{address}` to be erased or taken along, and `/manage/erasures/{id}`: how far an erasure is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from warmpost.actions.batches.sent_to import sent_to
from warmpost.actions.context import Services
from warmpost.actions.erasure.erase_recipient import ask_to_erase, find_erasure
from warmpost.actions.listings.find_person import find_person
from warmpost.actions.storage.pagination import Page
from warmpost.gateways.api.answers import Answer, Count
from warmpost.gateways.http.app import Route, json_response, moment
from warmpost.gateways.manage.sent_to import SentToLine, shown_membership, shown_sent
from warmpost.gateways.manage.suppression_answers import Suppression
from warmpost.gateways.manage.suppressions import shown as shown_suppression
from warmpost.rules.erasure.documents import Erasure
from warmpost.rules.model.writes import Stored
from warmpost.rules.requests.mailboxes import read_mailbox

AT_ONCE = 100


class ErasureState(Answer):
    """state: `working`, `waiting` for messages that are on their way, `done`. runs: how often it was asked for.

    erased: documents changed, by what they are, over all runs.
    """

    id: str
    state: Literal["working", "waiting", "done"]
    asked_at: datetime
    finished_at: datetime | None
    runs: Count
    waiting: Count
    erased: dict[str, Count]


class ExportedList(Answer):
    """data: the variables of the address on that list."""

    list: int
    name: str
    data: dict[str, Any]


class ExportedRecipient(Answer):
    """Everything that is kept about an address. sent: newest first."""

    address: str
    exported_at: datetime
    suppressions: list[Suppression]
    lists: list[ExportedList]
    sent: list[SentToLine]


async def erase(request: Request, services: Services, address: str) -> Response:
    asked = await ask_to_erase(services, read_mailbox(address, "address").address)
    return json_response(_shown(asked), 202)


async def get(request: Request, services: Services, id: str) -> Response:
    return json_response(_shown(await find_erasure(services, id)))


def _shown(stored: Stored[Erasure]) -> dict[str, object]:
    value = stored.value
    return {
        "id": stored.id,
        "state": value.state,
        "asked_at": value.asked_at,
        "finished_at": value.finished_at,
        "runs": value.runs,
        "waiting": value.waiting,
        "erased": value.erased,
    }


async def export(request: Request, services: Services, address: str) -> Response:
    mailbox = read_mailbox(address, "address")
    person = await find_person(services, mailbox.address)
    head: dict[str, object] = {
        "address": mailbox.address,
        "exported_at": moment(services.clock.now()),
        "suppressions": [shown_suppression(one.value) for one in person.suppressions],
        "lists": [shown_membership(one) | {"data": one.data} for one in person.lists],
    }
    pages = _pages(services, mailbox.address)
    first = await anext(pages)
    return StreamingResponse(_document(head, first, pages), media_type="application/json")


async def _pages(services: Services, address: str) -> AsyncIterator[list[bytes]]:
    cursor: str | None = None
    while True:
        found = await sent_to(services, address, Page(AT_ONCE, cursor))
        yield [msgspec.json.encode(shown_sent(one, services.policy.project)) for one in found.items]
        cursor = found.next_cursor
        if cursor is None:
            return


async def _document(
    head: dict[str, object], first: list[bytes], pages: AsyncIterator[list[bytes]]
) -> AsyncIterator[bytes]:
    """The first page is read before the answer begins, so that what goes wrong can still be said."""
    yield msgspec.json.encode(head)[:-1] + b',"sent":[' + b",".join(first)
    filled = bool(first)
    async for some in pages:
        yield (b"," if filled and some else b"") + b",".join(some)
        filled = filled or bool(some)
    yield b"]}"


ROUTES = [
    Route(
        "DELETE",
        "/recipients/{address}",
        erase,
        "Erase one person from everything that is kept",
        scope="manage",
        answers={202: ErasureState},
    ),
    Route(
        "GET",
        "/recipients/{address}/export",
        export,
        "Everything that is kept about one address",
        scope="manage",
        answers={200: ExportedRecipient},
    ),
    Route("GET", "/erasures/{id}", get, "How far an erasure is", scope="read", answers={200: ErasureState}),
]
