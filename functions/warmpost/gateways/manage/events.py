"""`/manage/events`: what relays, mailbox providers and readers have reported, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, get_args

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.listings.list_events import EventQuery, ShownEvent, list_events
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import Answer, Count, Id, Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Parameter, Route, moment
from warmpost.gateways.http.parameters import moment_asked
from warmpost.rules.delivery.mailbox_providers import NAMES, provider_of
from warmpost.rules.model.events import ReportedKind
from warmpost.rules.requests.mailboxes import read_mailbox

Kind = Literal["sent"] | ReportedKind
KINDS = ("sent", *get_args(ReportedKind))


class LatestEvent(Answer, kw_only=True):
    """One report. batch with position, or message with index: whose it is; none of both where only an address is known.

    source: who told, such as `worker` for what the delivery found itself, `kumomta`, `dsn`, `arf` or `track`.
    """

    type: Kind
    at: datetime
    to: str | None
    domain: str | None
    provider: str | None
    batch: Id | UnsetType = UNSET
    position: Count | UnsetType = UNSET
    message: str | UnsetType = UNSET
    index: Count | UnsetType = UNSET
    source: str
    code: int | None
    enhanced_code: str | None
    text: str | None
    link: str | None
    machine: bool


async def listing(request: Request, services: Services) -> Response:
    given = request.query_params
    kinds = tuple(one for one in given.get("type", "").split(",") if one)
    for one in kinds:
        if one not in KINDS:
            raise Invalid("invalid_field", f"A type is one of {', '.join(KINDS)}.", "type")
    provider = given.get("provider", "")
    if provider and provider not in NAMES:
        raise Invalid("invalid_provider", f"A provider is one of {', '.join(NAMES)}.", "provider")
    query = EventQuery(
        kinds,
        given.get("domain", "").lower(),
        provider,
        read_mailbox(given["address"], "address").address if "address" in given else "",
        moment_asked(request, "since"),
        moment_asked(request, "until"),
    )
    return collections.listed(await list_events(services, query, collections.page(request)), _shown)


def _shown(one: ShownEvent) -> dict[str, object]:
    event = one.event
    whose: dict[str, object] = {}
    if event.target.batch:
        whose = {"batch": int(event.target.batch), "position": event.target.position}
    elif event.target.message:
        whose = {"message": event.target.message, "index": event.target.position}
    return {
        "type": event.kind,
        "at": moment(datetime.fromtimestamp(event.at, UTC)),
        "to": one.to or None,
        "domain": one.domain or None,
        "provider": provider_of(one.to) if one.to else None,
        **whose,
        "source": event.source,
        "code": event.code or None,
        "enhanced_code": event.enhanced_code or None,
        "text": event.text or None,
        "link": event.link or None,
        "machine": event.machine,
    }


ROUTES = [
    Route(
        "GET",
        "/events",
        listing,
        "The latest events, newest first",
        scope="read",
        answers={200: Listed[LatestEvent]},
        parameters=(
            *collections.PAGE,
            Parameter("type", str, "One or several with commas between."),
            Parameter("domain", str, "Of the sender."),
            Parameter("provider", Literal[NAMES], "Of the mailbox."),
            Parameter("address", str, "Only about this recipient."),
            Parameter("since", datetime, "Reported not before this."),
            Parameter("until", datetime, "Reported before this."),
        ),
    )
]
