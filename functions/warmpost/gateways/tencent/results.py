"""What became of messages: by recipient, by day, and who complained."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Any

from msgspec import Meta

from warmpost.actions.batches.report import message_statuses
from warmpost.actions.batches.sent_to import newest_target, sent_to
from warmpost.actions.delivery.find import find_message
from warmpost.actions.delivery.recipient_status import RecipientStatus
from warmpost.actions.listings.list_messages import MessageQuery, list_messages
from warmpost.actions.statistics.statistics import StatisticsQuery, ask_statistics
from warmpost.actions.storage.pagination import Page
from warmpost.errors import NotFound
from warmpost.gateways.tencent.blacklists import every
from warmpost.gateways.tencent.calls import Action, Call, Parameters, Refused, read_day, require_limit, unix
from warmpost.rules.delivery.mailbox_providers import provider_of
from warmpost.rules.model.addresses import domain_of

Unsigned = Annotated[int, Meta(ge=0)]
MOST_LOOKED_AT = 1000
DELIVERED, DROPPED, BOUNCED, DEFERRED = 1, 2, 3, 8
MOST_REPORTS = 1000


class WantedStatus(Parameters):
    request_date: str
    offset: Unsigned
    limit: Unsigned
    message_id: str | None = None
    to_email_address: str | None = None


class WantedReport(Parameters):
    start_date: str
    end_date: str
    domain: str | None = None
    receiving_mailbox_type: str | None = None


class WantedAbuse(Parameters):
    start_time: str
    end_time: str
    offset: int | None = None
    limit: int | None = None
    from_domain: str | None = None
    from_address: str | None = None
    mta: str | None = None
    to_address: str | None = None
    template_id: str | None = None


async def get_status(call: Call, wanted: WantedStatus) -> Mapping[str, object]:
    """By MessageId, by recipient, or of a whole day's single messages."""
    require_limit(wanted.limit)
    day = read_day(wanted.request_date, "RequestDate")
    since = datetime.combine(day, time(), call.zone)
    until = since + timedelta(days=1)
    if wanted.message_id:
        rows = await _of_message(call, wanted.message_id)
    elif wanted.to_email_address:
        found = await sent_to(call.services, wanted.to_email_address, Page(MOST_LOOKED_AT))
        rows = [_row(one.id, one.sender, one.created_at, one.line) for one in found.items]
    else:
        query = MessageQuery(since=since, until=until)
        listed = await list_messages(call.services, query, Page(wanted.offset + wanted.limit or 1))
        rows = [
            _row(one.id, one.message.sender, one.message.created_at, line)
            for one in listed.items
            for line in one.lines
        ]
    inside = [row for row in rows if unix(since) <= row["RequestTime"] < unix(until)]
    return {"EmailStatusList": inside[wanted.offset :][: wanted.limit]}


async def _of_message(call: Call, message_id: str) -> list[dict[str, Any]]:
    try:
        stored = await find_message(call.services, message_id)
    except NotFound:
        return []
    lines = await message_statuses(call.services, stored)
    return [_row(stored.id, stored.value.sender, stored.value.created_at, line) for line in lines]


def _row(id: str, sender: str, created_at: datetime, line: RecipientStatus) -> dict[str, Any]:
    send, delivered = _codes(line)
    last = line.notes[-1] if line.notes else None
    complained = line.status == "complained"
    return {
        "MessageId": id,
        "ToEmailAddress": line.to,
        "FromEmailAddress": sender,
        "SendStatus": send,
        "DeliverStatus": delivered,
        "DeliverMessage": last.text if last else "",
        "RequestTime": unix(created_at),
        "DeliverTime": unix(line.sent_at),
        "UserOpened": line.opened,
        "UserClicked": line.clicked,
        "UserUnsubscribed": line.unsubscribed,
        "UserComplainted": complained,
        "UserComplained": complained,
    }


def _codes(line: RecipientStatus) -> tuple[int, int]:
    """SendStatus and DeliverStatus (tencent-protocol, section 6)."""
    words = line.notes[-1].text if line.notes else ""
    match line.status:
        case "sent" | "delivered" | "complained":
            return 0, DELIVERED
        case "deferred":
            return 0, DEFERRED
        case "bounced":
            return 0, BOUNCED
        case "suppressed":
            return (1013 if "unsubscribe" in words else 1007), 0
        case "failed":
            return 3010, 0
        case "uncertain":
            return 1004, 0
        case "cancelled":
            return 0, DROPPED
        case _:
            return 0, 0


async def get_report(call: Call, wanted: WantedReport) -> Mapping[str, object]:
    first, last = read_day(wanted.start_date, "StartDate"), read_day(wanted.end_date, "EndDate")
    if last < first:
        raise Refused("InvalidParameterValue.WrongDate", "EndDate is not before StartDate.")
    mailbox = wanted.receiving_mailbox_type
    provider = provider_of(f"a@{mailbox}") if mailbox else ""
    question = StatisticsQuery(first, last, ("day",), (wanted.domain or "").lower(), provider)
    rows = await ask_statistics(call.services, question)
    volumes = [{"SendDate": row.labels["day"], **_volume(row.figures)} for row in rows]
    total = {name: sum(one[name] for one in volumes) for name in _volume({})}
    return {"DailyVolumes": volumes, "OverallVolume": {"SendDate": "", **total}}


def _volume(figures: Mapping[str, int]) -> dict[str, Any]:
    count = figures.get
    requested = count("requested", 0)
    return {
        "RequestCount": requested,
        "AcceptedCount": requested - count("suppressed", 0) - count("failed", 0),
        "DeliveredCount": count("delivered", 0) + count("accepted_unreported", 0),
        "OpenedCount": count("opened_total", 0) or count("opened", 0),
        "ClickedCount": count("clicked", 0),
        "BounceCount": count("bounced", 0),
        "UnsubscribeCount": count("unsubscribed", 0),
    }


async def get_abuse(call: Call, wanted: WantedAbuse) -> Mapping[str, object]:
    """Complaints as they are kept: one for each address, with the message that went to it last before."""
    first, last = read_day(wanted.start_time, "StartTime"), read_day(wanted.end_time, "EndTime")
    offset, limit = wanted.offset or 0, wanted.limit or MOST_REPORTS
    if offset < 0 or not 0 < limit <= MOST_REPORTS:
        raise Refused("FailedOperation.InvalidLimit", f"Limit is 1 to {MOST_REPORTS}, Offset not negative.")
    found = [
        one.value
        for one in await every(call.services, "complaint")
        if first <= one.value.since.astimezone(call.zone).date() <= last
        and (wanted.to_address or "").lower() in ("", one.value.address.lower())
        and (wanted.mta or "").lower() in ("", domain_of(one.value.address).lower())
    ]
    found.sort(key=lambda one: one.since, reverse=True)
    rows = [await _abuse(call, one.address, one.since) for one in found[: offset + limit]]
    kept = [row for row in rows if _is_wanted(row, wanted)]
    return {"Data": kept[offset:][:limit], "TotalCount": len(found)}


def _is_wanted(row: Mapping[str, str], wanted: WantedAbuse) -> bool:
    asked = {
        "FromDomain": wanted.from_domain,
        "OriginalMailFrom": wanted.from_address,
        "TemplateId": wanted.template_id,
    }
    return all(not value or row[name].lower() == value.lower() for name, value in asked.items())


async def _abuse(call: Call, address: str, at: datetime) -> dict[str, str]:
    target = await newest_target(call.services, address, at)
    sent = (await sent_to(call.services, address, Page(1))).items if target else []
    newest = sent[0] if sent else None
    when = call.civil(at)
    return {
        "DeliverTime": call.civil(newest.line.sent_at) if newest else "",
        "OriginalMailFrom": newest.sender if newest else "",
        "OriginalRcptTo": address,
        "FromDomain": domain_of(newest.sender) if newest else "",
        "ComplainTime": when,
        "Mta": domain_of(address),
        "SourceIp": "",
        "InsertTime": when,
        "TemplateId": "",
        "BulkId": newest.id if newest else "",
        "MessageId": newest.id if newest else "",
        "AbuseTime": when,
        "Subject": newest.subject if newest else "",
    }


ACTIONS = {
    "GetSendEmailStatus": Action(WantedStatus, "read", get_status),
    "GetStatisticsReport": Action(WantedReport, "read", get_report),
    "GetAbuseReport": Action(WantedAbuse, "read", get_abuse),
}
