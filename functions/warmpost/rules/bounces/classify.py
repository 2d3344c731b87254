"""What a refusal is about, and what follows from it for the address and for the sender.

Servers agree on little: the enhanced status code of a refusal is often generic or plainly wrong, while its words are
chosen for people. So clear words come first, then the code, then what the words hint at (`bounce_words`, `bounce_codes`).
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from warmpost.rules.bounces.phrases import CERTAIN, LIKELY
from warmpost.rules.bounces.status_codes import BASIC, GENERIC_STATUS, STATUS

MOST_TEXT = 1_000
"""Characters of a reply that are looked at."""
MOST_GAP = 60
"""Characters that `…` in a phrase stands for."""


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

_WORD = re.compile(r"[a-z0-9']+")
_CONTINUED = re.compile(r" [45]\d\d-(?: ?[45]\.\d{1,3}\.\d{1,3})?")
_ADDRESS = re.compile(r"[^\s<>@:;,()]{1,64}@[\w.-]+")
_ENHANCED = re.compile(r"(?<![\d.])#?([245])\.(\d)\.(\d{1,3})(?![\d.]*\d)")


@lru_cache(maxsize=4096)
def classify(code: int, enhanced_code: str, text: str) -> BounceClass:
    """code: 0 where only an enhanced code is known, such as in a report. text: the server's words, in any language."""
    said = " ".join(text[:MOST_TEXT].lower().replace("’", "'").split())
    if f" {code}-" in said:
        said = " ".join(_CONTINUED.sub("", said).split())
    if "@" in said:
        said = _ADDRESS.sub("@", said)
    match = _ENHANCED.match(enhanced_code) or _ENHANCED.search(said)
    status = f"{match[2]}.{match[3]}" if match else ""
    first = code // 100 or (int(match[1]) if match else 0)
    found = _judge(code, status, said)
    if first == 4 and found in _LATER:
        return BounceClass.TEMPORARY
    return found


def _judge(code: int, status: str, said: str) -> BounceClass:
    if code in _SESSION_FAULTS:
        return BounceClass.PROTOCOL
    certain, likely = _PHRASES.find(said)
    if certain:
        return BounceClass(certain)
    if status in STATUS:
        return BounceClass(STATUS[status])
    if code // 100 == 4 and likely in (None, "policy", "unknown_user"):
        return BounceClass.TEMPORARY
    if likely == "unknown_user" and status.startswith("7."):
        return BounceClass.POLICY
    return BounceClass(likely or GENERIC_STATUS.get(status) or BASIC.get(code) or "unspecified")


class _Phrases:
    """All phrases by their longest word, so that a reply is compared only with those it can hold."""

    def __init__(self) -> None:
        self._by_word: dict[str, list[tuple[int, list[str]]]] = {}
        self._foreign: list[tuple[int, list[str]]] = []
        self._names = [name for name, _ in CERTAIN + LIKELY]
        for rank, (_, phrases) in enumerate(CERTAIN + LIKELY):
            for phrase in filter(None, map(str.strip, phrases.split("|"))):
                pieces = phrase.split(" … ")
                if all(map(str.isascii, pieces)):
                    word = max(_WORD.findall(phrase), key=len)
                    self._by_word.setdefault(word, []).append((rank, pieces))
                else:
                    self._foreign.append((rank, pieces))

    def find(self, said: str) -> tuple[str | None, str | None]:
        """The first section among the certain ones and among the likely ones."""
        ranks = [
            rank
            for word in self._by_word.keys() & set(_WORD.findall(said))
            for rank, pieces in self._by_word[word]
            if _holds(said, pieces)
        ]
        if not said.isascii():
            ranks += [rank for rank, pieces in self._foreign if _holds(said, pieces)]
        certain = min((rank for rank in ranks if rank < len(CERTAIN)), default=None)
        likely = min((rank for rank in ranks if rank >= len(CERTAIN)), default=None)
        return (
            None if certain is None else self._names[certain],
            None if likely is None else self._names[likely],
        )


def _holds(said: str, pieces: list[str]) -> bool:
    """Whether the pieces follow each other at no more than MOST_GAP characters, the first at a word's beginning."""
    start = said.find(pieces[0])
    while start >= 0:
        if start == 0 or not said[start - 1].isascii() or not said[start - 1].isalnum():
            end = start + len(pieces[0])
            for piece in pieces[1:]:
                found = said.find(piece, end, end + MOST_GAP + len(piece))
                if found < 0:
                    break
                end = found + len(piece)
            else:
                return True
        start = said.find(pieces[0], start + 1)
    return False


_PHRASES = _Phrases()
