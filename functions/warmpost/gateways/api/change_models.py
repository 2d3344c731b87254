"""The shapes of changes to what waits for its time."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field, structs

from warmpost.actions.schedules.change_schedule import TIMES, ScheduleChange
from warmpost.errors import Invalid
from warmpost.gateways.api.models import (
    BESIDE_RAW,
    AttachmentModel,
    BatchModel,
    Model,
    Reference,
    ScheduleModel,
    SendModel,
    Text,
    Tracking,
    Unsubscribing,
    Variables,
    schedule_order,
    send_order,
)
from warmpost.rules.requests.requests import BatchOrder, SendOrder


class SendChange(Model, kw_only=True):
    """PATCH /send/{id}: what is given takes the place of what was; null takes away."""

    sender: Text | UnsetType = field(name="from", default=UNSET)
    to: list[Text] | UnsetType = UNSET
    cc: list[Text] | UnsetType = UNSET
    bcc: list[Text] | UnsetType = UNSET
    reply_to: Text | list[Text] | UnsetType | None = UNSET
    subject: str | UnsetType | None = UNSET
    html: str | UnsetType | None = UNSET
    text: str | UnsetType | None = UNSET
    template: Reference | UnsetType | None = UNSET
    data: Variables | UnsetType = UNSET
    attachments: list[AttachmentModel] | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    unsubscribe: bool | Text | Unsubscribing | UnsetType | None = UNSET
    track: bool | Tracking | UnsetType | None = UNSET
    on_uncertain: Literal["hold", "resend"] | UnsetType = UNSET
    scheduled_at: Text | UnsetType = UNSET


class ScheduleChangeModel(Model, kw_only=True):
    """PATCH /schedule/{id}: what is given takes the place of what was; `send` or `batch` as a whole; null takes away."""

    send: SendModel | UnsetType = UNSET
    batch: BatchModel | UnsetType = UNSET
    start_at: Text | UnsetType = UNSET
    timezone: Text | UnsetType = UNSET
    every: int | Annotated[str, Meta(max_length=100)] | UnsetType | None = UNSET
    rrule: Text | UnsetType | None = UNSET
    until: Text | UnsetType | None = UNSET
    count: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType | None = UNSET
    missed: Literal["send", "skip"] | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    template_version: Annotated[int, Meta(ge=1, le=1_000_000_000)] | UnsetType | None = UNSET


def changed_order(change: SendChange, order: SendOrder) -> SendOrder:
    """The order with what the change gives. Raises errors.Invalid."""
    given = {name: value for name, value in structs.asdict(change).items() if value is not UNSET}
    given.pop("scheduled_at", None)
    if order.raw and (beside := sorted(given.keys() - BESIDE_RAW)):
        name = "from" if beside[0] == "sender" else beside[0]
        raise Invalid("unexpected_field", f"`{name}` is in the message that came as `raw`.", name)
    asked = send_order(SendModel(**({"sender": order.sender or "-"} | given)))
    return replace(order, **{name: getattr(asked, name) for name in given})


def schedule_change(model: ScheduleChangeModel, kind: str) -> ScheduleChange:
    """Raises errors.Invalid."""
    given = {name: value for name, value in structs.asdict(model).items() if value is not UNSET}
    times = {name: given[name] for name in TIMES if name in given}
    others: dict[str, Any] = {name: given[name] for name in ("name", "missed") if name in given}
    version = given.get("template_version", UNSET)
    wanted: SendOrder | BatchOrder | None = None
    if other := next((one for one in ("send", "batch") if one in given and one != kind), ""):
        raise Invalid("send_or_batch", f"This schedule sends what is in `{kind}`.", other)
    if kind in given:
        wanted = schedule_order(ScheduleModel(**{kind: getattr(model, kind)}, start_at="-"))

    def order(before: SendOrder | BatchOrder) -> SendOrder | BatchOrder:
        after = wanted or before
        kept = before.template_version if version is UNSET and wanted is None else version
        return replace(after, template_version=0 if kept is UNSET else kept or 0)

    return ScheduleChange(order if wanted or version is not UNSET else None, times or None, others or None)
