"""Gathers what the rules of the big mailbox providers ask of a domain: its DNS as of now, and what it sent lately."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from warmpost.actions.context import Services
from warmpost.actions.identity.check_domains import look_up, seen_txt
from warmpost.actions.identity.manage_domains import find_domain
from warmpost.actions.statistics.statistics import StatisticsQuery, ask_statistics
from warmpost.actions.warmup.domain_state import read_snapshot
from warmpost.errors import Unavailable
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.identity.dmarc import above, find_dmarc
from warmpost.rules.identity.dns_records import TxtValues
from warmpost.rules.identity.preflight import Facts, Point, Week, is_ready, judge_points
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.model.events import Target
from warmpost.rules.reports.verp import return_path

DAYS = 7
BATCHES = 5
"""How many of the latest batches are asked whether they could be unsubscribed from."""


@dataclass(frozen=True, slots=True)
class Preflight:
    domain: str
    ready: bool
    points: Sequence[Point]


async def preflight(services: Services, text: str) -> Preflight:
    """Changes nothing. A look-up that fails leaves its point open. Raises NotFound or errors.Unavailable."""
    domain = (await find_domain(services.store, text)).value
    name = domain.domain
    seen, policies, exchangers, (week, one_click), snapshot = await asyncio.gather(
        look_up(services, domain),
        _policies(services, name),
        _exchangers(services, name),
        _lately(services, name),
        read_snapshot(services, name),
    )
    pause = snapshot.pause
    facts = Facts(
        domain=domain,
        seen=seen,
        dmarc=find_dmarc(name, policies),
        dmarc_known=all(values is not None for values in policies.values()),
        exchangers=exchangers,
        return_domain=domain_of(return_path(Target(message="preflight"), name, b"")),
        rsa_bits=[size for key in domain.keys if (size := services.signing_pool.rsa_bits(key)) is not None],
        spf_include=services.policy.spf_include,
        one_click=one_click,
        week=week,
        blocked=snapshot.blocked,
        paused_until=pause.until if pause and pause.until > services.clock.now() else None,
        reported=snapshot.reported,
    )
    points = judge_points(facts)
    return Preflight(name, is_ready(points), points)


async def _policies(services: Services, domain: str) -> Mapping[str, TxtValues]:
    """Values under `_dmarc.` of the domain and of all it may inherit from."""
    names = [domain, *above(domain)]
    found = await asyncio.gather(*(seen_txt(services, f"_dmarc.{name}") for name in names))
    return dict(zip(names, found, strict=True))


async def _exchangers(services: Services, domain: str) -> TxtValues:
    try:
        return await services.resolver.mx(domain)
    except Unavailable:
        return None


async def _lately(services: Services, domain: str) -> tuple[Week, list[bool]]:
    """The week's figures, and of the latest batches in them whether they had the one-click header fields."""
    last = date.fromisoformat(services.today())
    rows = await ask_statistics(
        services, StatisticsQuery(last - timedelta(days=DAYS - 1), last, ("batch",), domain)
    )
    total = sum((Counter(row.figures) for row in rows), Counter[str]())
    delivered = total["sent"] + total["delivered"] + total["complained"]
    numbers = sorted(
        (int(row.labels["batch"]) for row in rows if row.labels["batch"].isdigit()), reverse=True
    )
    found = await asyncio.gather(*(_has_one_click(services, number) for number in numbers[:BATCHES]))
    known = [one for one in found if one is not None]
    return Week(delivered, total["complained"], total["bounced"]), known


async def _has_one_click(services: Services, number: int) -> bool | None:
    """None for a batch that is gone."""
    batch = await services.store.get(Batch, f"batches/{number}")
    if batch is None:
        return None
    message_content = await services.message_store.read(
        batch.path, batch.value.message_content, batch.value.parts
    )
    return message_content.unsubscribe.headers
