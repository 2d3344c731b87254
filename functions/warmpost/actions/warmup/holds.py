"""What keeps a domain's mail from leaving for a while, though it was accepted: a block of the day, or a suspension."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from warmpost.actions.context import Services
from warmpost.actions.warmup.domain_state import warmup_state_path
from warmpost.rules.identity.domains import Domain
from warmpost.rules.warmup.daily_cap import calendar_day
from warmpost.rules.warmup.documents import WarmupState

SUSPENSION_ASKED_AFTER = timedelta(minutes=15)
"""How soon recipients who were released before a suspension notice its end; held ones are released at once."""


@dataclass(frozen=True, slots=True)
class Hold:
    """why: a word for the name of the task that tries again at `until`."""

    why: str
    until: datetime


async def find_hold(services: Services, domain: str) -> Hold | None:
    """None where mail may leave; known within seconds."""
    warmup_state = await services.cache.get(WarmupState, warmup_state_path(domain))
    if warmup_state and warmup_state.blocked_on and warmup_state.blocked_on == services.today():
        day = calendar_day(services.clock.now(), ZoneInfo(services.policy.time_zone))
        return Hold("blocked", day.ends_at)
    known = await services.cache.get(Domain, f"domains/{domain}")
    if known and known.suspended_at:
        until = services.clock.now() + SUSPENSION_ASKED_AFTER
        return Hold("suspended", until)
    return None


async def is_suspended(services: Services, domain: str) -> bool:
    """Before nothing is released: asks again where the remembered domain is suspended, for nobody else would."""
    known = await services.cache.get(Domain, f"domains/{domain}")
    if known is None or known.suspended_at is None:
        return False
    stored = await services.store.get(Domain, f"domains/{domain}")
    return bool(stored and stored.value.suspended_at)
