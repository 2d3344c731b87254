"""Replies that a recipient's address asks for, so that failures can be had on purpose.

The local part decides, in upper or lower case; the domain and everything after the last `-` are free:

    reply-<code>-…@       that reply to RCPT, 4xx or 5xx; reply-421-…@ also closes the connection
    data-<code>-…@        that reply to the end of DATA, nothing is kept; data-421-…@ also closes the connection
    drop-after-data-…@    the message is kept, the connection closed without an answer
    drop-in-data-…@       the connection is closed in the middle of DATA, nothing is kept
    slow-<seconds>-…@     the answer to DATA waits so long (slow-…@: 2 seconds, at most 600)
    greylist-…@           451 at the first RCPT for that address, accepted from the second on

Everybody else is accepted. Where a message has several recipients, the first that scripts the end of DATA
decides for all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

SLOW_SECONDS = 2.0
LONGEST_SLOW_SECONDS = 600.0

_SCRIPT = re.compile(
    r"(?:(?P<stage>reply|data)-(?P<code>[45]\d\d)|(?P<drop>drop-(?:after|in)-data)|(?P<grey>greylist)"
    r"|slow(?:-(?P<seconds>\d+(?:\.\d+)?))?)(?:[-+].*)?",
    re.IGNORECASE,
)

_AT_RCPT = {
    421: "4.3.2 Service shutting down, closing transmission channel",
    450: "4.2.1 <{address}>: Mailbox busy, the user is receiving mail too quickly",
    451: "4.7.1 <{address}>: Greylisted, please try again later",
    452: "4.2.2 <{address}>: Mailbox full, the recipient is out of storage space",
    550: "5.1.1 <{address}>: Recipient address rejected: User unknown",
    551: "5.1.6 <{address}>: User not local and has moved without a forwarding address",
    552: "5.2.2 <{address}>: Mailbox full, quota exceeded",
    553: "5.1.3 <{address}>: Mailbox name not allowed",
    554: "5.7.1 <{address}>: Service unavailable; client host blocked because of its reputation",
}
_AT_DATA = {
    421: "4.3.2 Service shutting down, closing transmission channel",
    450: "4.7.1 Message rate of this sender is too high, please slow down",
    451: "4.3.0 Local error in processing, please try again later",
    452: "4.3.1 Insufficient system storage",
    550: "5.7.1 Message content rejected as spam",
    552: "5.3.4 Message too big for this system",
    554: "5.7.1 Transaction failed: message refused by content policy",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply other than 250; closes: the connection ends after it."""

    line: str
    closes: bool


@dataclass(frozen=True, slots=True)
class AtData:
    """What happens from DATA on: an answer after `delay` seconds, which a refusal or a drop may replace."""

    delay: float = 0.0
    refusal: Refusal | None = None
    drop: Literal["", "in", "after"] = ""


def at_rcpt(address: str, refused_before: bool) -> Refusal | None:
    """The scripted reply to RCPT; None accepts. refused_before: this server refused the same address already."""
    script = _script(address)
    if script is None:
        return None
    if script["grey"]:
        return None if refused_before else _refusal(451, _AT_RCPT, address)
    if script["code"] and script["stage"].lower() == "reply":
        return _refusal(int(script["code"]), _AT_RCPT, address)
    return None


def at_data(recipients: list[str]) -> AtData:
    """What the first recipient who scripts the end of DATA asks for."""
    for address in recipients:
        script = _script(address)
        if script is None or script["grey"]:
            continue
        if script["drop"]:
            return AtData(drop="in" if script["drop"].lower() == "drop-in-data" else "after")
        if script["code"]:
            return AtData(refusal=_refusal(int(script["code"]), _AT_DATA, address))
        return AtData(delay=min(float(script["seconds"] or SLOW_SECONDS), LONGEST_SLOW_SECONDS))
    return AtData()


def _script(address: str) -> re.Match[str] | None:
    return _SCRIPT.fullmatch(address.rpartition("@")[0])


def _refusal(code: int, texts: dict[int, str], address: str) -> Refusal:
    text = texts.get(code)
    if text is None:
        text = "4.0.0 Temporary failure" if code < 500 else "5.0.0 Permanent failure"
    return Refusal(f"{code} {text.replace('{address}', address)}", closes=code == 421)
