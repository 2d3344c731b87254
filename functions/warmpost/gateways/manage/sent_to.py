"""`/manage/recipients/{address}`: everything sent to one address."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, UnsetType, field
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.batches.sent_to import Sent, sent_to
from warmpost.actions.context import Services
from warmpost.actions.listings.find_person import Membership, find_person
from warmpost.gateways.api.answers import Answer, Id, Line
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Route, json_response, moment
from warmpost.gateways.http.parameters import shown_recipient
from warmpost.gateways.manage.suppression_answers import Suppression
from warmpost.gateways.manage.suppressions import shown as shown_suppression
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.model.derived_ids import batch_message_id, send_message_id
from warmpost.rules.requests.mailboxes import read_mailbox


class SentToLine(Line, kw_only=True):
    """send or batch: its id."""

    send: str | UnsetType = UNSET
    batch: Id | UnsetType = UNSET
    subject: str
    sender: str = field(name="from")
    created_at: datetime


class OnList(Answer):
    list: Id
    name: str


class SentTo(Answer):
    """suppressions: those that hold. lists: on which the address is."""

    address: str
    suppressions: list[Suppression]
    lists: list[OnList]
    items: list[SentToLine]
    next_cursor: str | None


async def get(request: Request, services: Services, address: str) -> Response:
    mailbox = read_mailbox(address, "address")
    found = await sent_to(services, mailbox.address, collections.page(request))
    person = await find_person(services, mailbox.address)
    return json_response(
        {
            "address": mailbox.address,
            "suppressions": [shown_suppression(one.value) for one in person.suppressions],
            "lists": [shown_membership(one) for one in person.lists],
            "items": [shown_sent(one, services.policy.project) for one in found.items],
            "next_cursor": found.next_cursor,
        }
    )


def shown_membership(one: Membership) -> dict[str, object]:
    return {"list": int(one.list_id), "name": one.name}


def shown_sent(sent: Sent, project: str) -> dict[str, object]:
    domain, target = domain_of(sent.sender), sent.target
    own = send_message_id(project, sent.id, domain)
    message_id = batch_message_id(project, target.batch, target.position, domain) if target.batch else own
    return {
        sent.kind: int(sent.id) if sent.kind == "batch" else sent.id,
        "subject": sent.subject,
        "from": sent.sender,
        "created_at": moment(sent.created_at),
        **shown_recipient(sent.line, message_id),
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
