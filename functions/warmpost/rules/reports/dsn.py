"""Delivery reports (RFC 3464), and the many mails that mean to be one.

The order of trust: fields for programs (message/delivery-status), wherever they hide; else the prose of the mail
(`bounce_notices`). Whom it is about: the return path it was sent to, then the headers of the returned message, then the
address it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from warmpost.rules.model.events import Event, EventKind, Target
from warmpost.rules.reports.auto_replies import why_automatic
from warmpost.rules.reports.identify import read_naming
from warmpost.rules.reports.lenient_mime import Headers, Mail, Part, blocks, read_mail
from warmpost.rules.reports.prose_bounces import (
    Notice,
    is_bounce_notice,
    is_refusing_receipt,
    may_be_bounce_notice,
    read_notices,
    tells_of_failure,
)
from warmpost.rules.reports.reports import (
    ParsedReport,
    event_id,
    ignore,
    read_recipient,
    read_reply,
    read_time,
    shorten,
    without_repeats,
    words_of,
)

MOST_RECIPIENTS = 500
MOST_STATUS_PARTS = 3

KINDS: dict[str, EventKind] = {
    "failed": "bounced",
    "delayed": "deferred",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}
"""By Action (RFC 3464 section 2.3.3): what another system has taken over is delivered as far as can be known."""

_FIELDS = re.compile(r"^(?:final|original)-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_RECIPIENT = {"final-recipient", "original-recipient"}
_REPORT = {"reporting-mta", "arrival-date"}
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_GENERIC = re.compile(r"[245]\.\d\.0", re.ASCII)


def parse_dsn(raw: bytes, key: bytes, now: float, envelope_to: str = "") -> ParsedReport:
    """One mail that came back, as it was received.

    key: of the return paths. now: epoch seconds, when it arrived; stands in for a time the report does not tell.
    envelope_to: where it was sent to, if whoever passes it on knows. Raises errors.TooLarge and nothing else.
    """
    mail = read_mail(raw)
    notices = tuple(_recipients(mail))
    naming = read_naming(mail, key, envelope_to)
    if not notices:
        reason = _why_not(mail, naming.signed is not None)
        if reason:
            return ignore(reason)
        notices = read_notices(mail)
    if not notices:
        return ignore("It says nothing about a delivery.")
    events = [
        _event(notice, target, mail, now)
        for notice in notices
        if (target := naming.target(notice.address)) is not None
    ]
    if naming.signed is not None:
        events = list({event.kind: event for event in reversed(events)}.values())
    if not events:
        return ignore("It names no message of ours and no recipient.")
    return ParsedReport(without_repeats(events))


def _event(notice: Notice, target: Target, mail: Mail, now: float) -> Event:
    when = notice.when or mail.headers.first("message-id", "date")
    return Event(
        id=event_id("dsn", target, notice.kind, notice.status, when),
        kind=notice.kind,
        at=read_time(notice.when_known or mail.headers.first("date"), now),
        target=target,
        source="dsn",
        code=notice.code,
        enhanced_code=notice.status,
        text=notice.text,
        relay=notice.reporter,
    )


def _why_not(mail: Mail, signed: bool) -> str:
    """signed: it came to a return path of ours, which no person writes to, though machines of persons answer there."""
    kinds = {part.content_type for part in mail.parts}
    if "message/feedback-report" in kinds:
        return "It is a complaint (RFC 5965); those have a source of their own."
    if "message/disposition-notification" in kinds:
        return "" if is_refusing_receipt(mail) else "It is a receipt of reading (RFC 8098)."
    if is_bounce_notice(mail):
        return ""
    is_notice = may_be_bounce_notice(mail) or (signed and tells_of_failure(mail))
    return why_automatic(mail) or ("" if is_notice else "It is no report of a mail system.")


def _recipients(mail: Mail) -> Iterator[Notice]:
    for part in [each for each in mail.parts if _holds_fields(each)][:MOST_STATUS_PARTS]:
        groups = blocks(part)[:MOST_RECIPIENTS]
        report = next(
            (each for each in groups if _REPORT & each.keys() and not _RECIPIENT & each.keys()), Headers()
        )
        for group in groups:
            if _RECIPIENT & group.keys():
                for one in _one_by_one(group):
                    yield from _notice(one, report, mail)


def _one_by_one(group: Headers) -> Iterator[Headers]:
    """Some systems forget the empty line between recipients: the n-th of each field belongs to the n-th of them."""
    count = max(len(group.every(name)) for name in ("final-recipient", "original-recipient"))
    for place in range(min(count, MOST_RECIPIENTS)):
        yield Headers(
            {name: [each[place] if len(each) == count else each[0]] for name, each in group.items()}
        )


def _holds_fields(part: Part) -> bool:
    if part.content_type in ("message/delivery-status", "message/global-delivery-status"):
        return True
    if part.content_type not in ("text/plain", "application/octet-stream", "message/rfc822"):
        return False
    return bool(_FIELDS.search(part.text[:20_000]))


def _notice(group: Headers, report: Headers, mail: Mail) -> Iterator[Notice]:
    diagnostic = group.first("diagnostic-code", "x-supplementary-info")
    words = diagnostic.partition(";")[2].strip() if re.match(r"[\w.-]{1,40}\s*;", diagnostic) else diagnostic
    code, said = read_reply(words)
    status = _status(group.first("status"), said)
    action = group.first("action").partition("(")[0].strip().lower()
    kind = KINDS.get(action) or _kind_by_status(status)
    if kind is None:
        return
    if not words and kind in ("bounced", "deferred"):
        words, code = _from_prose(group, mail, code)
    arrival, attempt = (
        group.first("arrival-date") or report.first("arrival-date"),
        group.first("last-attempt-date"),
    )
    yield Notice(
        address=read_recipient(group.first("original-recipient"))
        or read_recipient(group.first("final-recipient")),
        kind=kind,
        code=code,
        status=status,
        text=words_of(words, code) if kind != "delivered" else "",
        reporter=_host(group.first("remote-mta") or report.first("reporting-mta")),
        when=f"{arrival}/{attempt}".strip("/"),
        when_known=attempt,
    )


def _from_prose(group: Headers, mail: Mail, code: int) -> tuple[str, int]:
    """The words and code that the text for people has for the recipient, or has at all."""
    named = {read_recipient(value).lower() for value in group.every(*_RECIPIENT)}
    notices = read_notices(mail)
    prose = next((each for each in notices if each.address.lower() in named), None)
    prose = prose or (notices[0] if len(notices) == 1 else None)
    return (prose.text, code or prose.code) if prose else ("", code)


def _status(field: str, said: str) -> str:
    """The more telling of the field and the words: many systems write 5.0.0 whatever happened."""
    match = _STATUS.match(field.strip())
    if match is None:
        return said
    return said if said and _GENERIC.fullmatch(match[0]) and said[0] == match[0][0] else match[0]


def _kind_by_status(status: str) -> EventKind | None:
    by_class: dict[str, EventKind] = {"2": "delivered", "4": "deferred", "5": "bounced"}
    return by_class.get(status[:1])


def _host(field: str) -> str:
    kind, found, name = field.partition(";")
    words = (name if found else kind)[:1000].split()
    return shorten(words[0]).rstrip(".")[:255] if words else ""
