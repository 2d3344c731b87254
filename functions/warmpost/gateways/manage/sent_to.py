"""`/manage/recipients/{address}`: everything sent to one address."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.gateways.answers import SentTo
from warmpost.gateways.doors import moment, shown_line
from warmpost.gateways.http import Route, json_response
from warmpost.rules.mailboxes import read_mailbox
from warmpost.sending.ports import Services
from warmpost.sending.sent_to import Sent, sent_to


async def get(request: Request, services: Services, address: str) -> Response:
    mailbox = read_mailbox(address, "address")
    items = [_shown(one) for one in await sent_to(services, mailbox.address)]
    return json_response({"address": mailbox.address, "items": items})


def _shown(sent: Sent) -> dict[str, object]:
    return {
        sent.kind: int(sent.id) if sent.kind == "batch" else sent.id,
        "subject": sent.subject,
        "from": sent.sender,
        "created_at": moment(sent.created_at),
        **shown_line(sent.line),
    }


ROUTES = [
    Route(
        "GET",
        "/recipients/{address}",
        get,
        "Everything sent to one address",
        scope="read",
        answers={200: SentTo},
    )
]
