"""The shapes of requests: what validates them is what documents them."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field, structs

from warmpost.actions.schedules.create_schedule import blamed_on
from warmpost.errors import Invalid
from warmpost.rules.lists.columns import with_names
from warmpost.rules.message.languages import LANGUAGES, read_language
from warmpost.rules.message.message import Attachment
from warmpost.rules.requests.limits import MOST_DATA, MOST_RECIPIENT_DATA
from warmpost.rules.requests.requests import BatchOrder, RecipientOrder, SendOrder
from warmpost.rules.tracking.tracking import EVERYTHING, NOTHING, Track, Unsubscribe

Text = Annotated[str, Meta(max_length=2000)]
Reference = Annotated[str, Meta(min_length=1, max_length=200)] | Annotated[int, Meta(ge=1)]
Variables = dict[str, Any]
_SPACE = re.compile(r"\s+")


class Model(Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class AttachmentModel(Model):
    """content: base64, with or without line breaks. content_type: with its parameters. content_id: of a picture that
    the HTML shows as `cid:…`.
    """

    filename: Annotated[str, Meta(max_length=1000)]
    content: str
    content_type: Annotated[str, Meta(max_length=255)] = ""
    content_id: Annotated[str, Meta(max_length=255)] = ""


class Tracking(Model):
    opens: bool = True
    clicks: bool = True


class Unsubscribing(Model):
    """footer: whether a link is put below the bodies, or in which language."""

    footer: bool | Text


class SendModel(Model, kw_only=True):
    """POST /send: from, and subject with html or text, or a template with data; or `raw`, a whole message in base64.

    scheduled_at: RFC 3339; the message goes out then, and can be changed and taken back until then.
    """

    sender: Text | None = field(name="from", default=None)
    raw: str | None = None
    to: list[Text] = []
    cc: list[Text] = []
    bcc: list[Text] = []
    reply_to: Text | list[Text] | None = None
    subject: str | None = None
    html: str | None = None
    text: str | None = None
    template: Reference | None = None
    data: Variables = {}
    attachments: list[AttachmentModel] = []
    headers: dict[str, str] = {}
    tags: dict[str, str] = {}
    unsubscribe: bool | Text | Unsubscribing | None = None
    track: bool | Tracking | None = None
    on_uncertain: Literal["hold", "resend"] = "resend"
    scheduled_at: Text | None = None

    def __post_init__(self) -> None:
        if self.sender is None and self.raw is None:
            raise ValueError("Object missing required field `from`")


class RecipientModel(Model):
    to: Text
    data: Variables = {}


class BatchModel(Model, kw_only=True):
    """POST /batch-submit: a template to a list or to inline recipients."""

    name: Annotated[str, Meta(max_length=200)] = ""
    sender: Text = field(name="from")
    reply_to: Text | list[Text] | None = None
    template: Reference
    subject: str | None = None
    data: Variables = {}
    list_: Reference | None = field(name="list", default=None)
    recipients: list[RecipientModel] | None = None
    attachments: list[AttachmentModel] = []
    headers: dict[str, str] = {}
    tags: dict[str, str] = {}
    unsubscribe: bool | Text | Unsubscribing | None = None
    track: bool | Tracking | None = None
    on_uncertain: Literal["hold", "resend"] = "hold"
    on_block: Literal["fail", "hold"] = "fail"


class ScheduleModel(Model, kw_only=True):
    """POST /schedule: what would go to /send or /batch-submit, and when: RFC 3339, or local times of a time zone.

    missed: what becomes of runs whose time passed while everything was down. `send`: the latest of them goes out late, once,
    the older ones are recorded as missed; `skip`: none goes out that is more than five minutes late.
    """

    send: SendModel | None = None
    batch: BatchModel | None = None
    start_at: Text
    timezone: Text | None = None
    every: int | Annotated[str, Meta(max_length=100)] | None = None
    rrule: Text | None = None
    until: Text | None = None
    count: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    missed: Literal["send", "skip"] = "send"
    name: Annotated[str, Meta(max_length=200)] = ""
    template_version: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None


class UncertainModel(Model):
    """resend: whether they are tried again, or given up. recipients: addresses of those it is about, null for all."""

    resend: bool
    recipients: Annotated[list[str], Meta(min_length=1, max_length=10_000)] | None = None


class Settled(Model):
    """recipients: how many it is about."""

    resend: bool
    recipients: int


def send_order(model: SendModel) -> SendOrder:
    """Raises errors.Invalid."""
    if model.raw is not None:
        return _raw_order(model, model.raw)
    check_data(model.data, "data", MOST_DATA)
    return SendOrder(
        sender=model.sender or "",
        to=tuple(model.to),
        cc=tuple(model.cc),
        bcc=tuple(model.bcc),
        reply_to=_several(model.reply_to),
        subject=model.subject,
        html=model.html,
        text=model.text,
        template=None if model.template is None else str(model.template),
        data=with_names(model.data),
        attachments=read_attachments(model.attachments),
        headers=model.headers,
        tags=model.tags,
        on_uncertain=model.on_uncertain,
        track=track_of(model.track),
        unsubscribe=_unsubscribe(model.unsubscribe),
    )


BESIDE_RAW = {"raw", "to", "tags", "track", "unsubscribe", "on_uncertain", "scheduled_at"}


def _raw_order(model: SendModel, raw: str) -> SendOrder:
    for one in structs.fields(model):
        if one.name not in BESIDE_RAW and getattr(model, one.name):
            raise Invalid(
                "unexpected_field",
                f"`{one.encode_name}` is in the message that `raw` holds; beside it go {', '.join(sorted(BESIDE_RAW))}.",
                one.encode_name,
            )
    content = read_base64(raw, "raw")
    if not content:
        raise Invalid("missing_field", "`raw` holds no message.", "raw")
    return SendOrder(
        sender="",
        to=tuple(model.to),
        tags=model.tags,
        on_uncertain=model.on_uncertain,
        track=track_of(model.track),
        unsubscribe=_unsubscribe(model.unsubscribe),
        raw=content,
    )


def batch_order(model: BatchModel) -> BatchOrder:
    """Raises errors.Invalid."""
    check_data(model.data, "data", MOST_DATA)
    recipients: tuple[RecipientOrder, ...] | None = None
    if model.recipients is not None:
        for number, one in enumerate(model.recipients):
            if one.data:
                check_data(one.data, f"recipients[{number}].data", MOST_RECIPIENT_DATA)
        recipients = tuple(RecipientOrder(one.to, with_names(one.data)) for one in model.recipients)
    return BatchOrder(
        sender=model.sender,
        template=str(model.template),
        name=model.name,
        reply_to=_several(model.reply_to),
        subject=model.subject,
        data=with_names(model.data),
        list=None if model.list_ is None else str(model.list_),
        recipients=recipients,
        attachments=read_attachments(model.attachments),
        headers=model.headers,
        tags=model.tags,
        on_uncertain=model.on_uncertain,
        track=track_of(model.track),
        unsubscribe=_unsubscribe(model.unsubscribe),
        on_block=model.on_block,
    )


def schedule_order(model: ScheduleModel) -> SendOrder | BatchOrder:
    """What it sends. Raises errors.Invalid."""
    version = model.template_version or 0
    if model.send is not None and model.batch is None:
        with blamed_on("send"):
            if model.send.scheduled_at is not None:
                raise Invalid("unexpected_field", "A schedule has its own `start_at`.", "scheduled_at")
            return replace(send_order(model.send), template_version=version)
    if model.batch is not None and model.send is None:
        with blamed_on("batch"):
            return replace(batch_order(model.batch), template_version=version)
    raise Invalid("send_or_batch", "Give either `send` or `batch`.", "send")


def check_data(data: Variables, field_path: str, most: int) -> None:
    """Raises errors.Invalid where variables are larger than they may be."""
    size = len(msgspec.json.encode(data))
    if size > most:
        raise Invalid(
            "data_too_large", f"The variables have {size:,} bytes as JSON; {most:,} are allowed.", field_path
        )


def track_of(wanted: bool | Tracking | None) -> Track | None:
    if isinstance(wanted, Tracking):
        return Track(wanted.opens, wanted.clicks)
    return None if wanted is None else EVERYTHING if wanted else NOTHING


def _unsubscribe(wanted: bool | str | Unsubscribing | None) -> Unsubscribe | None:
    """Raises errors.Invalid."""
    if wanted is None or wanted is False:
        return None if wanted is None else Unsubscribe()
    footer = wanted.footer if isinstance(wanted, Unsubscribing) else wanted
    if isinstance(footer, bool):
        return Unsubscribe(headers=True, footer=footer)
    language = read_language(footer)
    if language is None:
        known = ", ".join(LANGUAGES)
        raise Invalid("unknown_language", f"{footer!r} is none of {known}.", "unsubscribe")
    return Unsubscribe(headers=True, footer=True, language=language)


def _several(value: str | list[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def read_attachments(models: list[AttachmentModel]) -> tuple[Attachment, ...]:
    return tuple(_attachment(one, f"attachments[{number}]") for number, one in enumerate(models))


def _attachment(model: AttachmentModel, path: str) -> Attachment:
    content_id = model.content_id.strip().removeprefix("<").removesuffix(">")
    return Attachment(
        model.filename, read_base64(model.content, f"{path}.content"), model.content_type, content_id
    )


def read_base64(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(_SPACE.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("invalid_base64", "The content is not valid base64.", path) from None
