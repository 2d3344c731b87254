"""Counts what servers say when they refuse, so that people see what was made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from warmpost.rules.bounces.corrections import text_id
from warmpost.rules.model.writes import Count, Write

MOST_TEXTS = 20
"""Of one stretch of events; the rarest of more are left out."""

PREFIX = 3
"""Characters of an id that name its document: there are 32,768 of them at most, whatever servers write."""

Refusal = tuple[str, str]
"""Text (`corrections.text_of`) and class."""


def bounce_text_path(id: str) -> str:
    return f"bounce_texts/{id[:PREFIX]}"


def count_bounces(refusals: Iterable[Refusal]) -> Sequence[Write]:
    return [
        Count(bounce_text_path(text_id(text)), {"count": n}, {"text": text, "bounce_class": bounce_class})
        for (text, bounce_class), n in Counter(refusals).most_common(MOST_TEXTS)
    ]
