"""Gathers what the rules of the big mailbox providers ask of a domain: its DNS as of now, and what it sent lately."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from warmpost.errors import Unavailable
from warmpost.rules.addresses import domain_of
from warmpost.rules.dmarc import above, find_dmarc
from warmpost.rules.documents import Batch
from warmpost.rules.events import Target
from warmpost.rules.preflight import Facts, Found, Point, Week, is_ready, judge_points
from warmpost.rules.return_paths import return_path
from warmpost.sending.check_identities import look_up, seen_txt
from warmpost.sending.manage_domains import find_domain
from warmpost.sending.ports import Services
from warmpost.sending.statistics import Question, ask_statistics
from warmpost.sending.warmth import look

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
    seen, policies, exchangers, week, one_click, weather = await asyncio.gather(
        look_up(services, domain),
        _policies(services, name),
        _exchangers(services, name),
        _week(services, name),
        _one_click(services, name),
        look(services, name),
    )
    pause = weather.pause
    facts = Facts(
        domain=domain,
        seen=seen,
        dmarc=find_dmarc(name, policies),
        dmarc_known=all(values is not None for values in policies.values()),
        exchangers=exchangers,
        return_domain=domain_of(return_path(Target(message="preflight"), name, b"")),
        spf_include=services.policy.spf_include,
        one_click=one_click,
        week=week,
        blocked=weather.blocked,
        paused_until=pause.until if pause and pause.until > services.clock.now() else None,
    )
    points = judge_points(facts)
    return Preflight(name, is_ready(points), points)


async def _policies(services: Services, domain: str) -> Mapping[str, Found]:
    """Values under `_dmarc.` of the domain and of all it may inherit from."""
    names = [domain, *above(domain)]
    found = await asyncio.gather(*(seen_txt(services, f"_dmarc.{name}") for name in names))
    return dict(zip(names, found, strict=True))


async def _exchangers(services: Services, domain: str) -> Found:
    try:
        return await services.resolver.mx(domain)
    except Unavailable:
        return None


async def _week(services: Services, domain: str) -> Week:
    last = date.fromisoformat(services.today())
    question = Question(last - timedelta(days=DAYS - 1), last, ("domain",), domain)
    rows = await ask_statistics(services, question)
    if not rows:
        return Week()
    figures = rows[0].figures
    delivered = sum(figures.get(one, 0) for one in ("sent", "delivered", "complained"))
    return Week(delivered, figures.get("complained", 0), figures.get("bounced", 0))


async def _one_click(services: Services, domain: str) -> list[bool]:
    batches = await services.store.find(
        Batch, "batches", ("domain", "==", domain), order_by="created_at", descending=True, limit=BATCHES
    )
    letters = [await services.letters.read(one.path, one.value.letter, one.value.parts) for one in batches]
    return [letter.unsubscribe.headers for letter in letters]
