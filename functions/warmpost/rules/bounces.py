"""What a refusal is about, as far as reputation cares: an address that does not exist, or a sender that is not wanted."""

from __future__ import annotations

import re

from warmpost.rules.progress import Note

_UNKNOWN_CODES = re.compile(r"5\.1\.(?:0|1|2|3|6|10)$|5\.2\.1$|5\.4\.[14]$")
_SPAM_CODES = re.compile(r"5\.7\.")
_UNKNOWN_WORDS = re.compile(
    r"(?:user|mailbox|recipient|address|account)\b.{0,40}\b"
    r"(?:unknown|not found|does not exist|doesn't exist|invalid|unavailable)"
    r"|(?:unknown|no such|invalid)\b.{0,20}\b(?:user|mailbox|recipient|address|account)",
    re.IGNORECASE,
)
_SPAM_WORDS = re.compile(
    r"\bspam\b|black ?list|block ?list|\bblocked\b|reputation|policy|\bDNSBL\b|\bRBL\b|unsolicited|\bbulk\b",
    re.IGNORECASE,
)


def names_unknown_user(note: Note) -> bool:
    """RFC 3463 section 3.2 where there is an enhanced code, else the words of a 550, 551 or 553."""
    if note.enhanced_code:
        return bool(_UNKNOWN_CODES.match(note.enhanced_code))
    return note.code in (550, 551, 553) and bool(_UNKNOWN_WORDS.search(note.text))


def names_spam_or_policy(note: Note) -> bool:
    """RFC 3463 section 3.8, or the words."""
    if _SPAM_CODES.match(note.enhanced_code):
        return True
    return not names_unknown_user(note) and bool(_SPAM_WORDS.search(note.text))
