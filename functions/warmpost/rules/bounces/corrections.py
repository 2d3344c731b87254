"""What people say of a refusal that was judged wrongly: from then on its text has the class they gave it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from warmpost.rules.bounces.classify import BounceClass, classify_bounce
from warmpost.rules.model.derived_ids import short_hash

MOST_TEXT = 200
"""Characters by which texts are told apart."""

_ADDRESS = re.compile(r"[^\s<>@]{1,64}@[\w.-]+")
_WITH_DIGITS = re.compile(r"\S*\d\S*")


@dataclass(frozen=True, slots=True)
class BounceText:
    """`bounce_texts/{first letters of its id}`: a few texts may share one, the last one names it."""

    text: str
    bounce_class: str
    count: int


@dataclass(frozen=True, slots=True)
class BounceCorrection:
    """`bounce_corrections/{id}`. since: what was refused before keeps its class."""

    text: str
    bounce_class: str
    since: datetime


Corrections = Mapping[str, BounceCorrection]
"""By `text_id`."""


def text_of(code: int, enhanced_code: str, words: str) -> str:
    """What refusals of one kind have in common: codes and words, without addresses, numbers and names of messages."""
    said = _WITH_DIGITS.sub("#", _ADDRESS.sub("@", words[: MOST_TEXT * 4].lower()))
    said = re.sub(r"#(?: #)+", "#", " ".join(said.split()))
    return " ".join(filter(None, (str(code) if code else "", enhanced_code, said)))[:MOST_TEXT]


def text_id(text: str) -> str:
    return short_hash("bounce-text", text)


def judge(corrections: Corrections, at: float, code: int, enhanced_code: str, words: str) -> BounceClass:
    """at: epoch seconds, when it was refused."""
    if corrections:
        found = corrections.get(text_id(text_of(code, enhanced_code, words)))
        if found is not None and at >= found.since.timestamp():
            return BounceClass(found.bounce_class)
    return classify_bounce(code, enhanced_code, words)
