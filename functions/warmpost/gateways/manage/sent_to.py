"""`/manage/recipients/{address}`: everything sent to one address."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.batches.sent_to import Sent, sent_to
from warmpost.actions.context import Services
from warmpost.gateways.api.answers import SentTo
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Route, json_response, moment
from warmpost.gateways.http.parameters import shown_recipient
from warmpost.rules.requests.mailboxes import read_mailbox


async def get(request: Request, services: Services, address: str) -> Response:
    mailbox = read_mailbox(address, "address")
    found = await sent_to(services, mailbox.address, collections.page(request))
    items = [_shown(one) for one in found.items]
    return json_response({"address": mailbox.address, "items": items, "next_cursor": found.next_cursor})


def _shown(sent: Sent) -> dict[str, object]:
    return {
        sent.kind: int(sent.id) if sent.kind == "batch" else sent.id,
        "subject": sent.subject,
        "from": sent.sender,
        "created_at": moment(sent.created_at),
        **shown_recipient(sent.line),
    }


ROUTES = [
    Route(
        "GET",
        "/recipients/{address}",
        get,
        "Everything sent to one address, newest first",
        scope="read",
        answers={200: SentTo},
        parameters=collections.PAGE,
    )
]
