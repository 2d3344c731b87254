"""Header fields that callers give: which may be given, what they may hold, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from warmpost.errors import Invalid
from warmpost.rules.message.headers import LONGEST_LINE, encode_unstructured, fold

LONGEST_NAME = 76
LONGEST_VALUE = 4000
MOST_HEADERS = 50
UNSUBSCRIBE, UNSUBSCRIBE_POST = "list-unsubscribe", "list-unsubscribe-post"
ONE_CLICK = "List-Unsubscribe=One-Click"

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+").fullmatch
_LINK = r"<(?:https?://|mailto:)[^<>\s]+>"
_LINKS = re.compile(rf"\s*{_LINK}(?:\s*,\s*{_LINK})*\s*", re.IGNORECASE).fullmatch

_SET_BY_US = """
from sender to cc bcc reply-to date subject message-id return-path received dkim-signature domainkey-signature
mime-version authentication-results delivered-to x-original-to envelope-to apparently-to errors-to return-receipt-to
disposition-notification-to original-recipient x-envelope-to x-envelope-from x-google-dkim-signature
"""
_RESERVED = frozenset(_SET_BY_US.split())
_RESERVED_PREFIXES = (
    "content-",
    "resent-",
    "arc-",
    "received-",
    "tls-",
    "downgraded-",
    "x-warmpost-",
)
_SYNTAX = frozenset(
    "in-reply-to references archived-at list-archive list-help list-owner list-post list-subscribe".split()
) | {UNSUBSCRIBE, UNSUBSCRIBE_POST}
"""Identifiers and URLs (RFC 5322 section 3.6.4, RFC 5064, RFC 2369), which no reader decodes."""


def check_custom_headers(headers: Mapping[str, str]) -> None:
    """Raise Invalid for the first field that may not be given, or not beside the others."""
    if len(headers) > MOST_HEADERS:
        raise Invalid("too_many_headers", f"{MOST_HEADERS} headers are allowed.", "headers")
    low: dict[str, str] = {}
    for name, value in headers.items():
        check_custom_header(name, value)
        if name.lower() in low:
            raise Invalid("header_not_allowed", f"the header {name} is given twice", "headers")
        low[name.lower()] = value
    _check_unsubscribe(low)


def has_own_unsubscribe(headers: Mapping[str, str]) -> bool:
    return any(name.lower() == UNSUBSCRIBE for name in headers)


def check_custom_header(name: str, value: str, field: str = "headers") -> None:
    """Raise Invalid for a field that would break the envelope, the structure, the signature or a mailbox's trust."""
    reason = ""
    low = name.lower()
    if not _TOKEN(name) or len(name) > LONGEST_NAME:
        reason = f"a header name is 1 to {LONGEST_NAME} letters, digits and hyphens"
    elif low in _RESERVED or low.startswith(_RESERVED_PREFIXES):
        reason = f"the header {name} is set by Warmpost and cannot be given"
    elif _CONTROLS.search(value):
        reason = f"the value of {name} holds a line break or another control character"
    elif _LONE_SURROGATE.search(value):
        reason = f"the value of {name} holds half a character"
    elif len(value.encode()) > LONGEST_VALUE:
        reason = f"the value of {name} is longer than {LONGEST_VALUE} bytes"
    elif not value.strip():
        reason = f"the value of {name} is empty"
    elif low in _SYNTAX and not value.isascii():
        reason = f"{name} holds identifiers or URLs and is ASCII only; a URL has the rest percent-encoded"
    elif value.isascii() and max(map(len, value.split())) + len(name) > LONGEST_LINE - 4:
        reason = f"the value of {name} holds a word that does not fit into a line"
    if reason:
        raise Invalid("header_not_allowed", reason, field)


def _check_unsubscribe(low: Mapping[str, str]) -> None:
    """RFC 2369 section 3.2 and RFC 8058 section 3.1, so that what is given works where it arrives."""
    links = low.get(UNSUBSCRIBE, "")
    reason = ""
    if UNSUBSCRIBE in low and not _LINKS(links):
        reason = (
            "List-Unsubscribe holds links such as <https://lists.example/u/1>, <mailto:leave@lists.example>"
        )
    elif UNSUBSCRIBE_POST in low:
        if low[UNSUBSCRIBE_POST].strip() != ONE_CLICK:
            reason = f"the value of List-Unsubscribe-Post is {ONE_CLICK}"
        elif "<https://" not in links.lower():
            reason = "List-Unsubscribe-Post goes with a List-Unsubscribe that holds an https link"
    if reason:
        raise Invalid("header_not_allowed", reason, "headers")


def encode_custom_header(name: str, value: str) -> bytes:
    """The field's value: never encoded where it is ASCII, however long its words are (RFC 5322 section 2.2.3)."""
    value = " ".join(value.split())
    if value.isascii() and ("=?" not in value or name.lower() in _SYNTAX):
        return fold(value.encode("ascii"), len(name) + 2)
    return encode_unstructured(value, len(name) + 2)
