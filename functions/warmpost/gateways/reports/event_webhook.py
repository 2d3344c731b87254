"""`/event-webhook/{source}`: what relays, mailbox providers and log hooks report, kept before it is understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.events.reader_actions import unsubscribe
from warmpost.actions.outbox.event_log import log_events
from warmpost.actions.storage.log import refusals
from warmpost.errors import NotFound, Unauthorized
from warmpost.gateways.api.answers import Taken
from warmpost.gateways.http.app import Parameter, Route, Router, json_response, segments
from warmpost.gateways.http.bodies import read_body
from warmpost.gateways.reports.event_models import EventModel, parse_own_events
from warmpost.rules.reports.arf import parse_arf
from warmpost.rules.reports.dsn import parse_dsn
from warmpost.rules.reports.kumomta import parse_kumomta
from warmpost.rules.reports.reports import ParsedReport
from warmpost.rules.reports.signatures import verify_source
from warmpost.rules.tracking.tokens import Signer
from warmpost.rules.tracking.tracking import read_unsubscribe_address

SOURCES = ("warmpost", "kumomta", "dsn", "arf")
ENVELOPE_TO = "Warmpost-Envelope-To"
"""Header in which a forwarder of mail says whom the report was addressed to."""

MOST_BODY_BYTES: Mapping[str, int] = {
    "warmpost": 5_000_000,
    "kumomta": 5_000_000,
    "dsn": 10_000_000,
    "arf": 10_000_000,
}


@dataclass(frozen=True, slots=True)
class Reporters:
    """secrets: of each source; several while one is being changed, none where a source is not set up.

    signer: of the addresses by which readers unsubscribe with a mail.
    """

    secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    signer: Signer = field(repr=False)


async def event_webhook(request: Request, services: Services, reporters: Reporters) -> Response:
    path = segments(request)
    if path.strip("/") not in SOURCES:
        raise NotFound("unknown_source", f"Events come from {', '.join(SOURCES)}.", "source")
    route, arguments = ROUTES.match(request)
    return await route.handle(request, services, reporters, **arguments)


async def _post(source: str, request: Request, services: Services, reporters: Reporters) -> Response:
    """202 once the events are stored; a report that says nothing of a message is answered 200 with the reason."""
    now = services.clock.timestamp()
    with refusals("event_signature_rejected", source=source):
        secrets = reporters.secrets.get(source, ())
        if not secrets:
            raise Unauthorized(
                "source_not_set_up", f"No secret is set for {source}, so nothing from it is believed."
            )
        body = await read_body(request, MOST_BODY_BYTES[source])
        verify_source(source, request.headers, body, secrets, now)
    envelope_to = request.headers.get(ENVELOPE_TO, "")
    if source == "dsn" and (target := read_unsubscribe_address(envelope_to, reporters.signer)):
        await unsubscribe(services, target)
        return json_response({"accepted": 1, "ignored": None}, 202)
    report = _parsed(services, source, body, now, envelope_to)
    await log_events(services, source, report.events)
    answer = {"accepted": len(report.events), "ignored": report.ignored or None}
    return json_response(answer, 202 if report.events else 200)


def _parsed(services: Services, source: str, body: bytes, now: float, envelope_to: str) -> ParsedReport:
    key = services.policy.return_key
    match source:
        case "dsn":
            return parse_dsn(body, key, now, envelope_to)
        case "arf":
            return parse_arf(body, key, now, envelope_to)
        case "kumomta":
            return parse_kumomta(body, key, now)
        case _:
            return parse_own_events(body, key, now)


_TOLD = Parameter(ENVELOPE_TO, str, "The address the mail went to.", "header")


_Record = dict[str, Any]


def _route(source: str, summary: str, body: Any, *parameters: Parameter) -> Route:
    taken = {202: Taken, 200: Taken}
    return Route(
        "POST",
        f"/{source}",
        partial(_post, source),
        summary,
        body=body,
        answers=taken,
        parameters=parameters,
    )


ROUTES = Router(
    "/event-webhook",
    _route("warmpost", "An event, or an array of up to 50,000", EventModel | list[EventModel]),
    _route("kumomta", "Records of KumoMTA's log hook: one, an array, or one a line", _Record | list[_Record]),
    _route("dsn", "A mail that came back (RFC 3464)", "message/rfc822", _TOLD),
    _route("arf", "A complaint (RFC 5965)", "message/rfc822", _TOLD),
)
