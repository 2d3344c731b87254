"""Clicks by link, openings and clicks by hour, refusals by text: of a batch, or of a period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from warmpost.actions.context import Services

MOST_ROWS = 5000
"""Documents that one answer adds up."""


@dataclass(frozen=True, slots=True)
class CountedLink:
    """`domains/{d}/days/{day}/links/{name}-{hash}`. machine_clicked: by programs that try every link."""

    domain: str
    day: str
    name: str
    link: str
    clicked: int = 0
    machine_clicked: int = 0


@dataclass(frozen=True, slots=True)
class CountedHours:
    """`domains/{d}/days/{day}/hours/{name}`: by hour of that day, `00` to `23`."""

    day: str
    name: str
    opened: dict[str, int] = field(default_factory=dict)
    clicked: dict[str, int] = field(default_factory=dict)
    machine_opened: dict[str, int] = field(default_factory=dict)
    machine_clicked: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CountedReason:
    """`domains/{d}/days/{day}/reasons/{name}-{hash}`. text: as `corrections.text_of` makes it."""

    name: str
    text: str
    bounce_class: str
    count: int


async def links_of(services: Services, batch_id: str) -> Sequence[tuple[str, Mapping[str, int]]]:
    """Links with their clicks, the most clicked first."""
    found = await services.store.find(
        CountedLink, "links", ("name", "==", batch_id), everywhere=True, limit=MOST_ROWS
    )
    return add_links([one.value for one in found])


def add_links(found: Sequence[CountedLink]) -> Sequence[tuple[str, Mapping[str, int]]]:
    totals: dict[str, Counter[str]] = {}
    for one in found:
        counts = {"clicked": one.clicked, "machine_clicked": one.machine_clicked}
        totals.setdefault(one.link, Counter()).update(counts)
    return sorted(totals.items(), key=lambda one: (-one[1]["clicked"], one[0]))


async def hours_of(services: Services, batch_id: str) -> Sequence[tuple[str, Mapping[str, int]]]:
    """Hours such as `2026-11-23T09`, in the deployment's time zone, with what was done in each."""
    found = await services.store.find(
        CountedHours, "hours", ("name", "==", batch_id), everywhere=True, limit=MOST_ROWS
    )
    totals: dict[str, Counter[str]] = {}
    for one in found:
        for name in ("opened", "clicked", "machine_opened", "machine_clicked"):
            for hour, count in getattr(one.value, name).items():
                totals.setdefault(f"{one.value.day}T{hour}", Counter())[name] += count
    return sorted(totals.items())


async def reasons_of(services: Services, batch_id: str) -> Sequence[CountedReason]:
    """The most frequent first."""
    found = await services.store.find(
        CountedReason, "reasons", ("name", "==", batch_id), everywhere=True, limit=MOST_ROWS
    )
    totals: dict[tuple[str, str], int] = Counter()
    for one in found:
        totals[one.value.text, one.value.bounce_class] += one.value.count
    rows = [CountedReason(batch_id, text, said, count) for (text, said), count in totals.items()]
    return sorted(rows, key=lambda one: (-one.count, one.text))
