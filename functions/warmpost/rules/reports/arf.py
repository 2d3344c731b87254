"""Complaints as mailbox providers send them (RFC 5965), and those that only return the message (JMRP).

What a provider redacts differs: the recipient is often taken out, the return path seldom. A complaint that proves by
neither a signed return path nor a Message-ID with its recipient which message it is about is not believed.
"""

from __future__ import annotations

from warmpost.rules.model.events import Event, EventKind
from warmpost.rules.reports.auto_replies import why_automatic
from warmpost.rules.reports.identify import RETURNED, read_naming, returned_headers
from warmpost.rules.reports.lenient_mime import Headers, Mail, blocks, read_mail
from warmpost.rules.reports.reports import (
    ParsedReport,
    event_id,
    ignore,
    read_recipient,
    read_time,
    shorten,
    without_repeats,
)

FEEDBACK: dict[str, EventKind] = {
    "abuse": "complained",
    "fraud": "complained",
    "other": "complained",
    "opt-out": "unsubscribed",
    "opt-out-list": "unsubscribed",
}
"""By Feedback-Type (RFC 5965 section 7.3 and the registry it founded)."""
IGNORED: dict[str, str] = {
    "not-spam": "The recipient says that the message is no spam.",
    "virus": "A scanner found a virus; no person complains.",
    "auth-failure": "It is a report of failed authentication (RFC 6591).",
    "dmarc": "It is a report of failed authentication.",
}
RECIPIENT = ("original-rcpt-to", "removal-recipient", "redacted-address", "x-original-rcpt-to")
RETURNED_TO = ("x-hmxmroriginalrecipient", "x-original-to", "delivered-to", "envelope-to", "to")


def parse_arf(raw: bytes, key: bytes, now: float, envelope_to: str = "") -> ParsedReport:
    """One complaint, as it was received. Arguments as of `dsn.parse_dsn`. Raises errors.TooLarge and nothing else."""
    mail = read_mail(raw)
    feedback = _feedback(mail)
    originals = [*returned_headers(mail)]
    if feedback is None and (reason := _why_not(mail, bool(originals))):
        return ignore(reason)
    report = feedback or Headers()
    kind = report.first("feedback-type").strip().lower() or "abuse"
    if kind not in FEEDBACK:
        return ignore(IGNORED.get(kind, f"Nothing follows from feedback of the type {kind[:50]!r}."))
    naming = read_naming(mail, key, *report.every("original-mail-from")[:5], envelope_to)
    arrival = report.first("arrival-date", "received-date")
    events = []
    for address in _recipients(report, originals) or [""]:
        target = naming.target(address)
        if target is not None and target.is_named:
            name = event_id("arf", target, FEEDBACK[kind])
            at = read_time(mail.headers.first("date") or arrival, now)
            agent = shorten(report.first("user-agent"))[:200]
            events.append(
                Event(name, FEEDBACK[kind], at, target, "arf", text=f"feedback type {kind}", user_agent=agent)
            )
    if not events:
        return ignore("It names no message of ours, or only by what anybody could write.")
    return ParsedReport(without_repeats(events))


def _feedback(mail: Mail) -> Headers | None:
    for part in mail.parts:
        if part.content_type == "message/feedback-report":
            return next(iter(blocks(part)), Headers())
    for part in mail.parts:
        if part.content_type in ("text/plain", "application/octet-stream"):
            for group in blocks(part)[:50]:
                if "feedback-type" in group:
                    return group
    return None


def _why_not(mail: Mail, returns: bool) -> str:
    kinds = {part.content_type for part in mail.parts}
    if "message/delivery-status" in kinds:
        return "It is a report of a delivery (RFC 3464); those have a source of their own."
    if not returns:
        return why_automatic(mail) or "It is no complaint: it neither says so nor returns a message."
    return why_automatic(mail) if not kinds & set(RETURNED[:2]) else ""


def _recipients(report: Headers, originals: list[Headers]) -> list[str]:
    """Those the report names, else the one the returned message went to; redacted ones are none."""
    named = [read_recipient(value) for value in report.every(*RECIPIENT)[:50]]
    if not any(named):
        named = [read_recipient(value) for each in originals for value in each.every(*RETURNED_TO)[:5]][:1]
    return [address for address in dict.fromkeys(named) if address and "redacted" not in address]
