"""Figures by day, domain, mailbox provider and batch, added up from what the ingest and workers counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, get_args

from warmpost.actions.context import Services
from warmpost.actions.statistics.details import CountedLink
from warmpost.errors import Invalid
from warmpost.rules.delivery.mailbox_providers import SIMULATOR
from warmpost.rules.model.usage import Usage
from warmpost.rules.model.writes import Filter

MOST_DAYS = 366
GroupBy = Literal["day", "domain", "provider", "batch", "tag", "link"]
GRAINS: tuple[GroupBy, ...] = get_args(GroupBy)
NO_TAG = ""
BATCHES_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Booked:
    """One document of figures: by provider, then by name. name: the batch's id, `send` or `rest`.

    cost: what was used up meanwhile. domain: empty for what belongs to none.
    """

    domain: str
    day: str
    name: str
    by: dict[str, dict[str, int]] = field(default_factory=dict)
    cost: Usage = Usage()


@dataclass(frozen=True, slots=True)
class StatisticsQuery:
    """Days inclusive. grains: what rows are told apart by. Empty filters take everything but the simulator."""

    first: date
    last: date
    grains: Sequence[GroupBy] = ("day",)
    domain: str = ""
    provider: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """labels: one per grain asked for. rates: shares of what is known, None without a denominator."""

    labels: Mapping[str, str]
    figures: Mapping[str, int]
    rates: Mapping[str, float | None]


async def ask_statistics(services: Services, question: StatisticsQuery) -> list[Row]:
    """Rows in order of their labels. Raises Invalid."""
    return add_up(question, await read_booked(services, question))


async def read_booked(services: Services, question: StatisticsQuery) -> list[Booked]:
    """What was booked in the period, of the domain asked for. Raises Invalid."""
    if question.last < question.first:
        raise Invalid("invalid_period", "A period ends on the day it begins or later.", "to")
    if question.last - question.first >= timedelta(days=MOST_DAYS):
        raise Invalid("invalid_period", f"A period has {MOST_DAYS} days at most.", "from")
    where: list[Filter] = [
        ("day", ">=", question.first.isoformat()),
        ("day", "<=", question.last.isoformat()),
    ]
    if question.domain:
        where.append(("domain", "==", question.domain))
    found = await services.store.find(Booked, "figures", *where, order_by="day", everywhere=True)
    return [one.value for one in found]


async def read_links(services: Services, question: StatisticsQuery) -> list[CountedLink]:
    where: list[Filter] = [
        ("day", ">=", question.first.isoformat()),
        ("day", "<=", question.last.isoformat()),
    ]
    if question.domain:
        where.append(("domain", "==", question.domain))
    found = await services.store.find(CountedLink, "links", *where, order_by="day", everywhere=True)
    return [one.value for one in found]


def add_up_links(question: StatisticsQuery, found: Sequence[CountedLink]) -> list[Row]:
    totals: dict[tuple[str, ...], Counter[str]] = {}
    for one in found:
        if question.batch in ("", one.name):
            known = {"day": one.day, "domain": one.domain, "batch": one.name, "link": one.link}
            labels = tuple(known[grain] for grain in question.grains)
            counts = {"clicked": one.clicked, "machine_clicked": one.machine_clicked}
            totals.setdefault(labels, Counter()).update(counts)
    return [_row(question.grains, labels, totals[labels]) for labels in sorted(totals)]


async def tags_of(services: Services, found: Sequence[Booked]) -> dict[str, Sequence[str]]:
    """Tags of the batches that figures are of, `name=value` each."""
    ids = sorted({one.name for one in found if one.name.isdigit()})
    known: dict[str, Sequence[str]] = {}
    for start in range(0, len(ids), BATCHES_AT_ONCE):
        some = ids[start : start + BATCHES_AT_ONCE]
        batches = await services.store.some(Tagged, [f"batches/{id}" for id in some])
        known |= {
            id: [f"{name}={value}" for name, value in one.value.tags.items()]
            for id, one in zip(some, batches, strict=True)
            if one
        }
    return known


@dataclass(frozen=True, slots=True)
class Tagged:
    """As much of a batch as this asks for."""

    tags: dict[str, str] = field(default_factory=dict)


def add_up(
    question: StatisticsQuery, found: Sequence[Booked], tags: Mapping[str, Sequence[str]] = {}
) -> list[Row]:
    """tags: by batch, where rows are told apart by them; a message with several counts for each."""
    totals: dict[tuple[str, ...], Counter[str]] = {}
    for booked in found:
        if question.batch and booked.name != question.batch:
            continue
        for provider, figures in booked.by.items():
            if provider == (question.provider or provider) and (question.provider or provider != SIMULATOR):
                for tag in tags.get(booked.name) or (NO_TAG,):
                    labels = _labels(question.grains, booked, provider, tag)
                    totals.setdefault(labels, Counter()).update(figures)
    return [_row(question.grains, labels, totals[labels]) for labels in sorted(totals)]


def _labels(grains: Sequence[GroupBy], booked: Booked, provider: str, tag: str) -> tuple[str, ...]:
    known = {
        "day": booked.day,
        "domain": booked.domain,
        "provider": provider,
        "batch": booked.name,
        "tag": tag,
    }
    return tuple(known[group_by] for group_by in grains)


def _row(grains: Sequence[GroupBy], labels: tuple[str, ...], counted: Counter[str]) -> Row:
    figures = {name: counted[name] for name in sorted(counted)}
    taken = counted["sent"] + counted["delivered"] + counted["complained"]
    known = taken + counted["bounced"]
    rates = {
        "delivered": _share(taken, known),
        "reported": _share(counted["delivered"] + counted["complained"], taken),
        "bounced": _share(counted["bounced"], known),
        "complained": _share(counted["complained"], taken),
        "opened": _share(counted["opened"], taken),
        "clicked": _share(counted["clicked"], taken),
        "unsubscribed": _share(counted["unsubscribed"], taken),
    }
    return Row(dict(zip(grains, labels, strict=True)), figures, rates)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
