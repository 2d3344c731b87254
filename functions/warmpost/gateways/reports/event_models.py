"""The shape of `POST /event-webhook/warmpost`: one event, or an array of events."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from warmpost import errors
from warmpost.gateways.http.bodies import decode
from warmpost.rules.model.events import Event
from warmpost.rules.reports.own_format import MOST_EVENTS, OwnEvent, read_own_event
from warmpost.rules.reports.reports import ParsedReport, without_repeats

MOST_EVENTS_BYTES = 5 * 1024 * 1024

Kind = Literal[
    "delivered", "bounced", "deferred", "complained", "unsubscribed", "opened", "clicked", "resubscribed"
]
Short = Annotated[str, Meta(max_length=400)]
Number = Annotated[int, Meta(ge=0, lt=1_000_000_000)]


class Model(Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class ReplyModel(Model):
    """What the receiving server said (RFC 5321 section 4.2, RFC 3463)."""

    code: Annotated[int, Meta(ge=200, le=599)] | None = None
    enhanced_code: Annotated[str, Meta(pattern=r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$")] | None = None
    text: Annotated[str, Meta(max_length=10_000)] = ""


class EventModel(Model):
    """at: RFC 3339. The message is named by batch and position, message and index, return_path, or message_id and to."""

    type: Kind
    at: Short
    id: Annotated[str, Meta(max_length=200)] = ""
    to: Short = ""
    batch: Annotated[str, Meta(max_length=100, pattern=r"^[0-9A-Za-z]*$")] | Annotated[int, Meta(ge=1)] = ""
    position: Number | None = None
    message: Annotated[str, Meta(max_length=100, pattern=r"^[0-9A-Za-z]*$")] = ""
    index: Number | None = None
    return_path: Short = ""
    message_id: Annotated[str, Meta(max_length=1000)] = ""
    reply: ReplyModel | None = None
    link: Annotated[str, Meta(max_length=4000)] = ""
    user_agent: Annotated[str, Meta(max_length=1000)] = ""
    machine: bool = False


def parse_own_events(body: bytes, key: bytes, now: float) -> ParsedReport:
    """key: of the return paths. now: epoch seconds.

    All or nothing: raises TooLarge, Malformed, or Invalid with a path such as `[3].at`.
    """
    if len(body) > MOST_EVENTS_BYTES:
        raise errors.TooLarge("events_too_large", f"The events may have {MOST_EVENTS_BYTES:,} bytes at most.")
    if body.lstrip()[:1] != b"[":
        return ParsedReport((_event(decode(body, EventModel), "", key, now),))
    raws = decode(body, list[msgspec.Raw])
    if len(raws) > MOST_EVENTS:
        raise errors.TooLarge("too_many_events", f"One request may hold {MOST_EVENTS:,} events at most.")
    models = _models(body, raws)
    return ParsedReport(
        without_repeats(_event(model, f"[{number}]", key, now) for number, model in enumerate(models))
    )


def _models(body: bytes, raws: list[msgspec.Raw]) -> list[EventModel]:
    """Read in one go; only where that fails one by one, to say which one is wrong."""
    try:
        return msgspec.json.decode(body, type=list[EventModel])
    except (msgspec.ValidationError, UnicodeDecodeError):
        return [_one(raw, f"[{number}]") for number, raw in enumerate(raws)]


def _one(raw: msgspec.Raw, field: str) -> EventModel:
    try:
        return decode(bytes(raw), EventModel)
    except errors.Invalid as problem:
        path = f"{field}.{problem.field}" if problem.field else field
        raise errors.Invalid(problem.code, problem.message, path) from None


def _event(model: EventModel, field: str, key: bytes, now: float) -> Event:
    reply = model.reply or ReplyModel()
    written = OwnEvent(
        kind=model.type,
        at=model.at,
        id=model.id,
        to=model.to,
        batch=str(model.batch),
        position=model.position,
        message=model.message,
        index=model.index,
        return_path=model.return_path,
        message_id=model.message_id,
        code=reply.code or 0,
        enhanced_code=reply.enhanced_code or "",
        text=reply.text,
        link=model.link,
        user_agent=model.user_agent,
        machine=model.machine,
    )
    return read_own_event(written, field, key, now)
