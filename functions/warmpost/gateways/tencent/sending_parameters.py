"""What SendEmail and BatchSendEmail are given."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from warmpost.gateways.tencent.calls import Parameters

Unsigned = Annotated[int, Meta(ge=0)]


class TemplateOf(Struct, forbid_unknown_fields=True, rename="pascal"):
    template_id: Unsigned = field(name="TemplateID")
    template_data: str


class Simple(Struct, forbid_unknown_fields=True, rename="pascal"):
    html: str | None = None
    text: str | None = None


class AttachedFile(Struct, forbid_unknown_fields=True, rename="pascal"):
    file_name: str
    content: str | None = None
    file_url: str | None = field(name="FileURL", default=None)


class Cycle(Struct, forbid_unknown_fields=True, rename="pascal"):
    begin_time: str
    interval_time: Unsigned
    term_cycle: Unsigned | None = None


class Timed(Struct, forbid_unknown_fields=True, rename="pascal"):
    begin_time: str


class Sending(Parameters):
    from_email_address: str
    subject: str
    reply_to_addresses: str | None = None
    template: TemplateOf | None = None
    simple: Simple | None = None
    attachments: list[AttachedFile] | None = None
    unsubscribe: str | None = None


class Message(Sending):
    destination: list[str] | None = None
    cc: list[str] | None = None
    bcc: list[str] | None = None
    trigger_type: Unsigned | None = None
    smtp_message_id: str | None = None
    smtp_headers: str | None = None
    header_from: str | None = None


class Task(Sending, kw_only=True):
    receiver_id: Unsigned
    task_type: Unsigned
    cycle_param: Cycle | None = None
    timed_param: Timed | None = None
    ad_location: Unsigned | None = field(name="ADLocation", default=None)
