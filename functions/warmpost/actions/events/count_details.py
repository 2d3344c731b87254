"""Counts of what figures do not tell apart: clicks by link, openings and clicks by hour, refusals by text, of each batch.

Single sends share one name. A commit of the ingest adds a few documents at most, however many events it applies.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from warmpost.rules.bounces.corrections import text_of
from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.writes import Count, Write
from warmpost.rules.webhooks.notifications import NotificationEvent

MOST_LINKS = 40
MOST_REASONS = 20
"""Of one commit; the rarest of more are left out."""

PREFIX = 3
"""Characters of a hash that name a document, so that links which differ for each reader fill a bounded number."""

LONGEST_LINK = 1500
SINGLE = "send"
_ADDRESS = re.compile(r"[^\s<>@/?&=#]{1,64}(?:@|%40)[\w.-]+", re.ASCII)

Key = tuple[str, str, str]
"""Domain, day and name."""


def count_details(events: Sequence[NotificationEvent], zone: ZoneInfo) -> list[Write]:
    """zone: of the deployment, in which days and hours are counted."""
    links: Counter[tuple[Key, str, str]] = Counter()
    hours: Counter[tuple[Key, str]] = Counter()
    reasons: Counter[tuple[Key, str, str]] = Counter()
    for event in events:
        local = datetime.fromtimestamp(event.at, UTC).astimezone(zone)
        key = (event.from_domain, local.date().isoformat(), event.batch or SINGLE)
        mark = "machine_" if event.machine else ""
        if event.kind in ("opened", "clicked"):
            hours[key, f"{mark}{event.kind}.{local.hour:02d}"] += 1
        if event.kind == "clicked" and event.link:
            links[key, link_shown(event.link), f"{mark}clicked"] += 1
        if event.kind == "bounced":
            reasons[key, text_of(event.code, event.enhanced_code, event.text), event.bounce_class] += 1
    return [*_links(links), *_hours(hours), *_reasons(reasons)]


def link_shown(link: str) -> str:
    """Without addresses, by which a link would differ for each reader, and name them."""
    return _ADDRESS.sub("@", link[:LONGEST_LINK])


def _path(key: Key, collection: str, *parts: str) -> str:
    domain, day, name = key
    suffix = "".join(f"-{short_hash(part)[:PREFIX]}" for part in parts)
    return f"domains/{domain}/days/{day}/{collection}/{name}{suffix}"


def _labels(key: Key, **more: str) -> dict[str, str]:
    return dict(zip(("domain", "day", "name"), key, strict=True)) | more


def _links(found: Counter[tuple[Key, str, str]]) -> Iterable[Write]:
    for (key, link, name), count in found.most_common(MOST_LINKS):
        yield Count(_path(key, "links", link), {name: count}, _labels(key, link=link))


def _hours(found: Counter[tuple[Key, str]]) -> Iterable[Write]:
    by_key: dict[Key, dict[str, int]] = {}
    for (key, name), count in found.items():
        by_key.setdefault(key, {})[name] = count
    for key, amounts in by_key.items():
        yield Count(_path(key, "hours"), amounts, _labels(key))


def _reasons(found: Counter[tuple[Key, str, str]]) -> Iterable[Write]:
    for (key, text, bounce_class), count in found.most_common(MOST_REASONS):
        labels = _labels(key, text=text, bounce_class=bounce_class)
        yield Count(_path(key, "reasons", text), {"count": count}, labels)
