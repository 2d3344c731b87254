"""Admits single sends to a domain's day: they count towards its cap and are refused at it, never queued.

One document per domain cannot be written for every message, so a process reserves a few at a time and hands them out:
about a second's worth of what it sends. Near the cap it reserves less and less, in the end just what it needs.
"""

from __future__ import annotations

import random
from dataclasses import replace

from warmpost.actions.context import Services
from warmpost.actions.state.reservations import Ahead
from warmpost.actions.storage.log import log_event
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.actions.warmup.domain_state import (
    DomainSnapshot,
    keep,
    keep_pool,
    read_snapshot,
    tell_decisions,
    warmup_state_path,
)
from warmpost.errors import Conflict, LimitReached
from warmpost.rules.warmup.daily_cap import Allowance, decide_single, reserve_ahead
from warmpost.rules.warmup.documents import WarmupState

TRIES = 20
GIVES_WAY = 0.02
"""Seconds, times the tries before: so long rivals of other processes give way to each other."""

BUSY = Conflict("changed_meanwhile", "Many messages of this domain come at once just now; try again.")


async def admit_single(services: Services, domain: str, recipients: int) -> str:
    """The day the volume is of. Raises LimitReached `daily_cap_reached` or `domain_blocked`."""
    async with services.reserved.turns[domain]:
        if known := await _from_ahead(services, domain, recipients):
            return known
        return await retry_on_conflict(
            lambda: _admit(services, domain, recipients),
            tries=TRIES,
            pause=lambda number: random.uniform(0, GIVES_WAY * (number - 1)),  # noqa: S311
            otherwise=BUSY,
        )


async def _admit(services: Services, domain: str, recipients: int) -> str:
    snapshot = await read_snapshot(services, domain)
    admission = decide_single(
        recipients,
        snapshot.allowance,
        services.clock.now(),
        snapshot.day,
        pool=snapshot.pool,
        blocked=snapshot.blocked,
    )
    if not admission.admitted:
        if admission.code == "daily_cap_reached":
            words = f"a single send was refused: {admission.reason}"
            log_event("single_refused", words, domain=domain, recipients=recipients)
        raise LimitReached(admission.code, f"{admission.reason}.", "from", admission.retry_after)
    now = services.clock.timestamp()
    ahead = _ahead(services.reserved.by_domain.get(domain), snapshot, recipients, now)
    await _reserve(services, snapshot, recipients + ahead)
    services.reserved.by_domain[domain] = Ahead(snapshot.today, ahead, recipients + ahead, now)
    return snapshot.today


async def _from_ahead(services: Services, domain: str, recipients: int) -> str | None:
    """Takes from what is reserved ahead, unless the day is over or the domain was blocked meanwhile."""
    known = services.reserved.by_domain.get(domain)
    if known is None or known.left < recipients:
        return None
    warmup_state = await services.cache.get(WarmupState, warmup_state_path(domain))
    now_day = services.today()
    if known.day != now_day or (warmup_state and warmup_state.blocked_on == now_day):
        return None
    known.left -= recipients
    return known.day


def _ahead(before: Ahead | None, snapshot: DomainSnapshot, recipients: int, now: float) -> int:
    rooms = [
        one.room for one in (snapshot.allowance, snapshot.pool or Allowance(None)) if one.room is not None
    ]
    used, seconds = (before.reserved - before.left, now - before.at) if before else (0, 0.0)
    return reserve_ahead(min(rooms) - recipients if rooms else None, used, seconds)


async def _reserve(services: Services, snapshot: DomainSnapshot, amount: int) -> None:
    warmup_state = replace(snapshot.warmup_state, reserved=snapshot.warmup_state.reserved + amount)
    await services.store.commit(*keep(snapshot, warmup_state), *keep_pool(snapshot, amount))
    tell_decisions(snapshot.domain, *snapshot.closing)
