"""Figures by day, domain, mailbox provider and batch, added up from what the ingest and workers counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from warmpost.actions.context import Services
from warmpost.errors import Invalid
from warmpost.rules.delivery.mailbox_providers import SIMULATOR
from warmpost.rules.model.usage import Usage
from warmpost.rules.model.writes import Filter

MOST_DAYS = 366
GroupBy = Literal["day", "domain", "provider", "batch"]
GRAINS: tuple[GroupBy, ...] = ("day", "domain", "provider", "batch")


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


def add_up(question: StatisticsQuery, found: Sequence[Booked]) -> list[Row]:
    totals: dict[tuple[str, ...], Counter[str]] = {}
    for booked in found:
        if question.batch and booked.name != question.batch:
            continue
        for provider, figures in booked.by.items():
            if provider == (question.provider or provider) and (question.provider or provider != SIMULATOR):
                labels = _labels(question.grains, booked, provider)
                totals.setdefault(labels, Counter()).update(figures)
    return [_row(question.grains, labels, totals[labels]) for labels in sorted(totals)]


def _labels(grains: Sequence[GroupBy], booked: Booked, provider: str) -> tuple[str, ...]:
    known = {"day": booked.day, "domain": booked.domain, "provider": provider, "batch": booked.name}
    return tuple(known[group_by] for group_by in grains)


def _row(grains: Sequence[GroupBy], labels: tuple[str, ...], counted: Counter[str]) -> Row:
    figures = {name: counted[name] for name in sorted(counted)}
    taken = counted["sent"] + counted["delivered"] + counted["complained"]
    known = taken + counted["bounced"]
    rates = {
        "delivered": _share(taken, known),
        "bounced": _share(counted["bounced"], known),
        "complained": _share(counted["complained"], taken),
        "opened": _share(counted["opened"], taken),
        "clicked": _share(counted["clicked"], taken),
        "unsubscribed": _share(counted["unsubscribed"], taken),
    }
    return Row(dict(zip(grains, labels, strict=True)), figures, rates)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
