"""SendEmail and BatchSendEmail: single messages, and batches now, at a time, or again and again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from msgspec import Meta

from warmpost.actions.batches.send_message import send_message
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.identity.manage_addresses import known_address
from warmpost.actions.schedules.create_schedule import Timetable, create_schedule
from warmpost.actions.suppressions.manage_suppressions import suppression_path
from warmpost.actions.templates.manage_templates import Draft, create_template
from warmpost.errors import NotFound
from warmpost.gateways.tencent.addresses import language_of
from warmpost.gateways.tencent.calls import Action, Call, Refused, read_base64, read_base64_text
from warmpost.gateways.tencent.sending_parameters import AttachedFile, Message, Sending, Simple, Task
from warmpost.gateways.tencent.tasks import schedule_task_id
from warmpost.rules.message.message import Attachment
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.requests.mailboxes import split_mailbox
from warmpost.rules.requests.requests import BatchOrder, SendOrder
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.suppressions.precedence import holds
from warmpost.rules.tracking.tracking import EVERYTHING, NOTHING, Unsubscribe

Unsigned = Annotated[int, Meta(ge=0)]
MOST_TO, MOST_CC, MOST_BCC = 50, 20, 20
NOW, TIMED, CYCLE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Common:
    """What both kinds of sending say in the same way."""

    sender: str
    reply_to: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    language: str


async def send_email(call: Call, wanted: Message) -> Mapping[str, object]:
    common = await _common(call, wanted, "FailedOperation.NotAuthenticatedSender")
    to, cc, bcc = (tuple(one or ()) for one in (wanted.destination, wanted.cc, wanted.bcc))
    _require_recipients(to, cc, bcc)
    await _refuse_suppressed(call, common.sender, (*to, *cc, *bcc))
    order = SendOrder(
        sender=common.sender,
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=common.reply_to,
        subject=wanted.subject,
        attachments=common.attachments,
        headers=_headers(wanted.smtp_headers),
        track=NOTHING if wanted.trigger_type == 1 else EVERYTHING,
        unsubscribe=_unsubscribe(common.language),
        most_recipients=MOST_TO + MOST_CC + MOST_BCC,
    )
    if wanted.template is not None:
        data = _data(wanted.template.template_data, "FailedOperation.WrongContentJson")
        order = replace(order, template=str(wanted.template.template_id), data=data)
    else:
        order = replace(order, **_simple(wanted.simple, "FailedOperation.MissingEmailContent"))
    accepted = await send_message(call.services, order, call.asked)
    return {"MessageId": accepted.id}


async def _common(call: Call, wanted: Sending, no_sender: str) -> Common:
    """Raises Refused."""
    sender = wanted.from_email_address.strip()
    address = split_mailbox(sender)[1]
    call.caller.require_sender(sender, "FromEmailAddress")
    try:
        known = await known_address(call.services, address)
    except NotFound:
        words = f"There is no sender address {address[:254]}; create it first."
        raise Refused(no_sender, words) from None
    language = language_of(wanted.unsubscribe) if wanted.unsubscribe else ""
    if wanted.unsubscribe in (None, "", "0"):
        language = known.unsubscribe
    reply_to = (wanted.reply_to_addresses,) if wanted.reply_to_addresses else ()
    return Common(sender, reply_to, _attachments(wanted.attachments or []), language)


def _attachments(files: list[AttachedFile]) -> tuple[Attachment, ...]:
    code = "InvalidParameterValue.AttachContentIsWrong"
    made = []
    for number, one in enumerate(files):
        if one.file_url:
            words = f"Attachments.{number}.FileURL is never fetched; give Content."
            raise Refused("FailedOperation.FileURLNotExist", words)
        content = read_base64(one.content or "", code, f"Attachments.{number}.Content")
        made.append(Attachment(one.file_name, content))
    return tuple(made)


def _require_recipients(to: tuple[str, ...], cc: tuple[str, ...], bcc: tuple[str, ...]) -> None:
    if not (to or cc or bcc):
        words = "Give Destination, Cc or Bcc."
        raise Refused("InvalidParameterValue.EmailAddressIsNULL", words)
    for name, some, most in (("Destination", to, MOST_TO), ("Cc", cc, MOST_CC), ("Bcc", bcc, MOST_BCC)):
        if len(some) > most:
            raise Refused("FailedOperation.TooManyRecipients", f"{name} has {most} addresses at most.")


async def _refuse_suppressed(call: Call, sender: str, recipients: tuple[str, ...]) -> None:
    """The only recipient; where there are several, the status of each says it."""
    if len(recipients) != 1:
        return
    domain = domain_of(split_mailbox(sender)[1]).lower()
    address = split_mailbox(recipients[0])[1]
    paths = [suppression_path(address, domain), suppression_path(address)]
    found = await call.services.store.some(Suppression, paths)
    now = call.services.clock.now()
    reason = next((one.value.reason for one in found if one and holds(one.value, now)), None)
    if reason == "unsubscribe":
        words = f"{address} has unsubscribed from {domain}."
        raise Refused("FailedOperation.ReceiverHasUnsubscribed", words)
    if reason:
        raise Refused("FailedOperation.EmailAddrInBlacklist", f"{address} is suppressed: {reason}.")


def _headers(text: str | None) -> Mapping[str, str]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise Refused("InvalidParameterValue", 'SmtpHeaders is JSON text such as {"X-Name": "value"}.')
    return found


def _unsubscribe(language: str) -> Unsubscribe | None:
    return Unsubscribe(headers=True, footer=True, language=language) if language else None


def _data(text: str, code: str) -> Mapping[str, object]:
    """Text, numbers and booleans by name. Raises Refused."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    plain = (str, int, float, bool)
    if not isinstance(found, dict) or not all(isinstance(one, plain) for one in found.values()):
        words = 'Template.TemplateData is JSON text such as {"name": "value"}.'
        raise Refused(code, words)
    return found


def _simple(simple: Simple | None, missing: str) -> dict[str, Any]:
    wrong = "InvalidParameterValue.EmailContentIsWrong"
    html = read_base64_text(simple.html, wrong, "Simple.Html") if simple else ""
    text = read_base64_text(simple.text, wrong, "Simple.Text") if simple else ""
    if not html and not text:
        raise Refused(missing, "Give Template, or Simple with Html or Text.")
    return {"html": html or None, "text": text or None}


async def batch_send(call: Call, wanted: Task) -> Mapping[str, object]:
    common = await _common(call, wanted, "OperationDenied.SendAddressStatusError")
    timetable = _timetable(call, wanted)
    order = BatchOrder(
        sender=common.sender,
        template="",
        subject=wanted.subject,
        list=str(wanted.receiver_id),
        reply_to=common.reply_to,
        attachments=common.attachments,
        unsubscribe=_unsubscribe(common.language),
        name=wanted.subject[:200],
    )
    if wanted.template is not None:
        data = _data(wanted.template.template_data, "InvalidParameterValue.TemplateDataError")
        order = replace(order, template=str(wanted.template.template_id), data=data)
    else:
        order = replace(order, template=await _literal_template(call, wanted))
    if timetable is None:
        return {"TaskId": int((await submit_batch(call.services, order, call.asked)).id)}
    made = await create_schedule(call.services, order, timetable, order.name, call.asked)
    return {"TaskId": schedule_task_id(int(made.id))}


async def _literal_template(call: Call, wanted: Task) -> str:
    """Batches are of templates: content without one becomes one in which nothing is a variable."""
    content = _simple(wanted.simple, "MissingParameter.SendParamNecessary")
    name = f"BatchSendEmail {secrets.token_hex(6)}"
    draft = Draft(name, name, content["html"] or "", content["text"] or "", syntax="literal")
    return (await create_template(call.services, draft)).id


def _timetable(call: Call, wanted: Task) -> Timetable | None:
    if wanted.task_type == NOW:
        return None
    zone = call.services.policy.time_zone
    if wanted.task_type == TIMED:
        if wanted.timed_param is None:
            words = "A timed task (TaskType 2) needs TimedParam."
            raise Refused("MissingParameter.TimedParamNecessary", words)
        return Timetable(wanted.timed_param.begin_time.replace(" ", "T"), zone)
    if wanted.task_type == CYCLE:
        if wanted.cycle_param is None or not wanted.cycle_param.interval_time:
            words = "A recurring task (TaskType 3) needs CycleParam with BeginTime and IntervalTime in hours."
            raise Refused("MissingParameter.CycleParamNecessary", words)
        begin = wanted.cycle_param.begin_time.replace(" ", "T")
        return Timetable(begin, zone, every=f"{wanted.cycle_param.interval_time}h")
    raise Refused("InvalidParameterValue", "TaskType is 1 (now), 2 (at a time) or 3 (recurring).")


_CONTENT = {
    "invalid_base64": "InvalidParameterValue.AttachContentIsWrong",
    "attachment_type_refused": "FailedOperation.InvalidAttachName",
    "invalid_filename": "FailedOperation.InvalidAttachName",
    "too_many_attachments": "FailedOperation.TooManyAttachments",
    "message_too_large": "FailedOperation.EmailContentToolarge",
    "rate_limited": "RequestLimitExceeded",
}
_SEND = _CONTENT | {
    "domain_not_found": "FailedOperation.NotAuthenticatedSender",
    "domain_not_verified": "FailedOperation.NotAuthenticatedSender",
    "domain_suspended": "FailedOperation.NotAuthenticatedSender",
    "template_not_found": "FailedOperation.InvalidTemplateID",
    "missing_variable": "FailedOperation.WrongContentJson",
    "cannot_render": "FailedOperation.WrongContentJson",
    "invalid_address": "FailedOperation.IncorrectEmail",
    "too_many_recipients": "FailedOperation.TooManyRecipients",
    "daily_cap_reached": "FailedOperation.ExceedSendLimit",
    "domain_blocked": "FailedOperation.HighRejectionRate",
}
_BATCH = _CONTENT | {
    "domain_not_found": "OperationDenied.SendAddressStatusError",
    "domain_not_verified": "OperationDenied.SendAddressStatusError",
    "domain_suspended": "OperationDenied.SendAddressStatusError",
    "template_not_found": "OperationDenied.TemplateStatusError",
    "missing_variable": "InvalidParameterValue.TemplateNotMatchData",
    "list_not_found": "OperationDenied.ReceiverNotExist",
    "list_empty": "OperationDenied.ReceiverStatusError",
    "list_is_busy": "OperationDenied.ReceiverStatusError",
    "start_in_past": "InvalidParameterValue.BeginTimeBeforeNow",
    "subject_too_long": "InvalidParameterValue.SubjectLengthError",
    "header_injection": "InvalidParameterValue.SubjectLengthError",
    "invalid_subject": "InvalidParameterValue.SubjectLengthError",
}
ACTIONS = {
    "SendEmail": Action(Message, "send", send_email, _SEND),
    "BatchSendEmail": Action(Task, "send", batch_send, _BATCH),
}
