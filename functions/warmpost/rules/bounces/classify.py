"""What a refusal is about, and what follows from it for the address and for the sender.

Servers agree on little: the enhanced status code of a refusal is often generic or plainly wrong, while its words are
chosen for people. So clear words come first, then the code, then what the words hint at (`phrases.tsv`, `status_codes`).
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from warmpost.rules.bounces.phrases import normalize, phrase_book
from warmpost.rules.bounces.status_codes import BASIC, GENERIC_STATUS, STATUS, UNTELLING

MOST_TEXT = 1_000
"""Characters of a reply that are looked at."""


class BounceClass(Enum):
    """Why a message was refused or put off. unknown_domain: nobody ever receives mail there."""

    UNKNOWN_USER = "unknown_user"
    UNKNOWN_DOMAIN = "unknown_domain"
    INACTIVE = "inactive"
    MAILBOX_FULL = "mailbox_full"
    POLICY = "policy"
    SPAM = "spam"
    REPUTATION = "reputation"
    AUTHENTICATION = "authentication"
    CONTENT = "content"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    ROUTING = "routing"
    PROTOCOL = "protocol"
    TEMPORARY = "temporary"
    OUT_OF_OFFICE = "out_of_office"
    UNSPECIFIED = "unspecified"

    @property
    def is_hard(self) -> bool:
        """The address is to blame and will not get better."""
        return self in _HARD

    @property
    def suppress(self) -> bool:
        """Never mail the address again. A missing domain may be the fault of whoever looked it up."""
        return self in _HARD and self is not BounceClass.UNKNOWN_DOMAIN

    @property
    def counts_as_unknown(self) -> bool:
        """Into the invalid-address rate."""
        return self in _HARD

    @property
    def counts_as_spam(self) -> bool:
        """Into the spam-bounce rate: refusals that name spam, policy or reputation."""
        return self in _UNWANTED


_HARD = frozenset({BounceClass.UNKNOWN_USER, BounceClass.UNKNOWN_DOMAIN, BounceClass.INACTIVE})
_UNWANTED = frozenset(
    {BounceClass.POLICY, BounceClass.SPAM, BounceClass.REPUTATION, BounceClass.AUTHENTICATION}
)
_LATER = _HARD | {BounceClass.UNSPECIFIED, BounceClass.PROTOCOL}
"""What a 4xx cannot mean for good: the server itself says that it may change."""

_SESSION_FAULTS = frozenset({503, 525, 530, 534, 535, 538})
"""They complain of the session; users and accounts they speak of are the relay's."""

_ADDRESS = re.compile(r"[^\s<>@:;,()\[\]'\"=]{1,64}@[\w.-]*\w")
_AROUND_ADDRESS = re.compile(r"[<(\[\"']+@[>)\]\"']+")
_CONTINUED = re.compile(r" ([45]\d\d)-(?: ?[45]\.\d{1,3}\.\d{1,3})?")
_ENHANCED = re.compile(r"(?<![\d.])#?([245])\.(\d)\.(\d{1,3})(?![\d.]*\d)")
_WRAPPED = re.compile(
    r"(?:[245]\.[\dx]\.\d - )?(?:unknown address error|other mail system problem|other network problem"
    r"|bad destination host|other address status) ([245]\d\d)[- ]'?"
)
"""Gateways that answer every refusal in the same words and quote the real one (Cisco IronPort)."""


def classify(code: int, enhanced_code: str, text: str) -> BounceClass:
    """code: 0 where only an enhanced code is known, such as in a report. text: the server's words, in any language."""
    first, found, _ = _read(code, enhanced_code, text)
    return BounceClass.TEMPORARY if first == 4 and found in _LATER else found


def classify_bounce(code: int, enhanced_code: str, text: str) -> BounceClass:
    """The same of a message that was given up: an unknown user for now, all through the retries of a day, is unknown.

    Only where the status or clear words say so: a mailbox that is just unavailable, an address that is being verified
    and a greylist stay temporary.
    """
    first, found, is_clear = _read(code, enhanced_code, text)
    if first == 4 and found is BounceClass.UNKNOWN_USER and is_clear:
        return found
    return classify(code, enhanced_code, text)


@lru_cache(maxsize=4096)
def _read(code: int, enhanced_code: str, text: str) -> tuple[int, BounceClass, bool]:
    """2, 4 or 5; what it is about; whether that is more than a hint."""
    said = " ".join(text[:MOST_TEXT].lower().split())
    if wrapped := _WRAPPED.search(said):
        code, enhanced_code, said = int(wrapped[1]), "", said[wrapped.end() :]
    said = " ".join(_CONTINUED.sub(lambda each: "" if int(each[1]) == code else each[0], said).split())
    if "@" in said:
        said = _AROUND_ADDRESS.sub("@", _ADDRESS.sub("@", said))
    first, status = _status(enhanced_code, said)
    found, is_clear = _judge(code, status, normalize(f"{first}.{status} {said}" if status else said))
    return code // 100 or first, found, is_clear


def _status(enhanced_code: str, said: str) -> tuple[int, str]:
    """Class, and subject with detail, of the status given, or of one in the words that says more than that."""
    given = _ENHANCED.match(enhanced_code)
    quoted = _ENHANCED.search(said)
    if given and quoted and quoted[1] == given[1] and f"{given[2]}.{given[3]}" in UNTELLING:
        given = quoted
    match = given or quoted
    return (int(match[1]), f"{match[2]}.{match[3]}") if match else (0, "")


def _judge(code: int, status: str, said: str) -> tuple[BounceClass, bool]:
    if code in _SESSION_FAULTS:
        return BounceClass.PROTOCOL, True
    found = phrase_book().find(said)
    if found.certain:
        return BounceClass(found.certain), True
    if status in STATUS:
        return BounceClass(STATUS[status]), True
    if code // 100 == 4 and found.hint in ("", "policy", "unknown_user"):
        return BounceClass.TEMPORARY, False
    if found.hint == "unknown_user" and status.startswith("7."):
        return BounceClass.POLICY, False
    return BounceClass(found.hint or GENERIC_STATUS.get(status) or BASIC.get(code) or "unspecified"), False
