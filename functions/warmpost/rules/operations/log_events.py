"""What the log speaks of: a stable word for each thing worth an alert or a count, and what never stands in it.

Log-based metrics and alerts go by the words (`jsonPayload.event`), so a word is never renamed; people read the messages,
which may change.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal

LogWord = Literal[
    "relay_unreachable",
    "relay_gave_up",
    "provider_slowed",
    "uncertain",
    "day_blocked",
    "single_refused",
    "level_changed",
    "records_broken",
    "records_restored",
    "domain_suspended",
    "domain_resumed",
    "dkim_rotated",
    "batch_done",
    "batch_blocked",
    "schedule_failed",
    "schedule_stopped",
    "daily_run",
    "sweep_found",
    "ingest_failed",
    "event_lost",
    "event_signature_rejected",
    "caller_rejected",
    "unsubscribe_failed",
    "webhook_disabled",
    "service_unavailable",
    "audit_lost",
    "erased",
    "request_failed",
]
Severity = Literal["INFO", "WARNING", "ERROR"]

WORDS: Mapping[LogWord, tuple[Severity, str]] = {
    "relay_unreachable": ("WARNING", "no relay of a pool takes mail: a task comes again later"),
    "relay_gave_up": ("ERROR", "no relay took mail for so long that recipients bounced"),
    "provider_slowed": (
        "WARNING",
        "a mailbox provider said that we send too fast: it is served at half the rate",
    ),
    "uncertain": ("WARNING", "a relay's answer was lost: recipients are uncertain"),
    "single_refused": ("WARNING", "a single send met a day that is used up"),
    "day_blocked": ("ERROR", "a domain's figures are so bad that nothing more leaves that day (B1, B2)"),
    "level_changed": ("INFO", "a domain's level was raised or lowered by the rules"),
    "records_broken": ("WARNING", "a verified domain's DNS record is missing or wrong"),
    "records_restored": ("INFO", "it is right again"),
    "domain_suspended": ("ERROR", "a domain sends nothing for want of its DKIM record"),
    "domain_resumed": ("INFO", "it sends again"),
    "dkim_rotated": ("INFO", "a domain signs with a new DKIM key, or its old record may be deleted"),
    "batch_done": ("INFO", "every recipient of a batch has come to an end"),
    "batch_blocked": ("WARNING", "what was unsent of a batch failed, for its domain's day is blocked"),
    "schedule_failed": ("ERROR", "a run of a schedule could not be submitted"),
    "schedule_stopped": ("ERROR", "a schedule paused itself after five such runs in a row"),
    "daily_run": ("INFO", "the daily run has queued its work"),
    "sweep_found": ("WARNING", "the daily run took up what was left lying for more than an hour"),
    "ingest_failed": ("ERROR", "events could not be applied and are tried again later"),
    "event_lost": ("ERROR", "an opening or a click could not be kept"),
    "event_signature_rejected": ("WARNING", "a report was refused: secret, signature or clock are wrong"),
    "caller_rejected": ("WARNING", "a call of `work` or `daily` had no right identity token"),
    "unsubscribe_failed": ("ERROR", "a reader could not be unsubscribed just now and was told so"),
    "webhook_disabled": ("WARNING", "a customer's endpoint failed for so long that it was switched off"),
    "service_unavailable": (
        "WARNING",
        "a request was answered 503: database, queue or another worker in between",
    ),
    "erased": ("INFO", "a person was erased from all that is kept"),
    "audit_lost": ("ERROR", "a change was made and could not be noted in the audit trail"),
    "request_failed": ("ERROR", "a request was answered 500"),
}
"""Each with how grave it is."""

_ADDRESS = re.compile(r"[^\s<>\"'(),;:\[\]=|]+(?:@|%40)[^\s<>\"'(),;:|]+", re.IGNORECASE)
_ANY_AT = re.compile(r"@|%40", re.IGNORECASE)
_PRIVATE = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL), "(key)"),
    (re.compile(r"://[^\s/]*@"), "://(credentials) "),
    (re.compile(r"\b(?:Bearer|Basic)\s+\S+", re.IGNORECASE), "(credentials)"),
    (re.compile(r"\bwp_[\w-]{8,}"), "(key)"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), "(secret)"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"), "(token)"),
    (re.compile(r"/(?P<door>[ocu])/[\w-]{16,}"), r"/\g<door>/(token)"),
    (_ADDRESS, "(address)"),
    (_ANY_AT, " at "),
)


def redacted(text: str, secrets: Collection[str] = ()) -> str:
    """The text without e-mail addresses, credentials, keys, and readers' tokens; secrets: taken out as they stand."""
    for secret in secrets:
        text = text.replace(secret, "(secret)")
    for pattern, instead in _PRIVATE:
        text = pattern.sub(instead, text)
    return text
