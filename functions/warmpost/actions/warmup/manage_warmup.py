"""What a domain's warm-up looks like from outside, why, and what an operator sets by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.storage.pagination import Listed, Page, wrong_cursor
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.actions.warmup.day_counters import as_figures, ask_for_assessment
from warmpost.actions.warmup.domain_state import DomainSnapshot, keep, read_snapshot, remember
from warmpost.errors import Invalid
from warmpost.rules.model.writes import Stored
from warmpost.rules.warmup.documents import HistoryEntry, WarmupState
from warmpost.rules.warmup.levels import WarmupStanding, parse_table
from warmpost.rules.warmup.reputation import DayFigures, Reading, measure, readings

MOST_AT_ONCE = 50
"""Decisions of one moment: a raise for each level there is, and what else came of it."""
RATES = ("known", "invalid", "delivered", "spam", "complaints", "opened")


async def report_warmup(services: Services, domain: str) -> dict[str, Any]:
    """Level, cap and volume of today, the pause or block in force, today's rates, and how far each rule is from holding."""
    snapshot = await read_snapshot(services, domain)
    figures, standing = as_figures(snapshot.total), snapshot.standing
    pause = snapshot.warmup_state.pause
    until = pause.until if pause and pause.until > services.clock.now() else None
    table = standing.rules
    return {
        "level": standing.level,
        "cap": standing.cap,
        "warmup": standing.warmup,
        "cap_by_hand": standing.cap_by_hand,
        "reserve": standing.reserve,
        "raises_per_day": standing.raises_per_day,
        "reported": snapshot.reported,
        "day": snapshot.today,
        "sent_today": snapshot.total.attempted,
        "reserved": snapshot.allowance.volume.used,
        "state": "blocked" if snapshot.blocked else "paused" if until else "open",
        "blocked": snapshot.blocked or None,
        "paused_until": until,
        "figures": {each.name: getattr(figures, each.name) for each in fields(DayFigures)},
        "rates": rates_of(figures),
        "rules": [
            _shown(one)
            for kind, rules in (("raise", table.raises), ("lower", table.lowers), ("block", table.blocks))
            for one in readings(rules, figures, table.cap(standing.level) if kind == "raise" else None)
        ],
    }


async def glance(services: Services, domain: str) -> dict[str, Any]:
    """What a list of domains shows of each."""
    snapshot = await read_snapshot(services, domain)
    pause = snapshot.warmup_state.pause
    until = pause.until if pause and pause.until > services.clock.now() else None
    return {
        "level": snapshot.standing.level,
        "cap": snapshot.standing.cap,
        "sent_today": snapshot.total.attempted,
        "state": "blocked" if snapshot.blocked else "paused" if until else "open",
        "paused_until": until,
    }


def rates_of(figures: DayFigures) -> dict[str, float | None]:
    return {name: _rate(figures, name) for name in RATES}


def _rate(figures: DayFigures, name: Any) -> float | None:
    value = measure(name, figures)
    return None if value is None else round(float(value), 6)


def _shown(reading: Reading) -> dict[str, Any]:
    return {
        "rule": reading.rule,
        "condition": reading.condition,
        "now": reading.now,
        "needed": reading.needed,
        "holds": reading.holds,
    }


async def list_history(
    services: Services, domain: str, page: Page, since: datetime | None = None, until: datetime | None = None
) -> Listed[Stored[HistoryEntry]]:
    """Decisions, newest first. What was decided at one moment stands on one page. Raises Invalid."""
    found = await services.store.find(
        HistoryEntry,
        f"domains/{domain}/history",
        order_by="at",
        descending=True,
        after=_moment(page.cursor) if page.cursor is not None else until,
        limit=page.limit + MOST_AT_ONCE,
    )
    kept = [one for one in found if since is None or one.value.at >= since]
    end = page.limit
    while end < len(kept) and kept[end].value.at == kept[end - 1].value.at:
        end += 1
    return Listed(kept[:end], f"{kept[end - 1].value.at.timestamp():.6f}" if end < len(kept) else None)


def _moment(cursor: str) -> datetime:
    """Raises Invalid."""
    try:
        return datetime.fromtimestamp(float(cursor), UTC)
    except (ValueError, OverflowError, OSError):
        raise wrong_cursor() from None


async def set_warmup(services: Services, domain: str, wanted: Mapping[str, Any]) -> None:
    """Sets level, cap, warmup or rules by hand, and lets waiting batches feel it at once.

    Raises Invalid with the field; Moved where others keep changing the same.
    """
    await retry_on_conflict(lambda: _set(services, domain, wanted))
    await ask_for_assessment(services, domain)


async def _set(services: Services, domain: str, wanted: Mapping[str, Any]) -> None:
    snapshot = await read_snapshot(services, domain)
    state = _changed(snapshot, wanted)
    told = ", ".join(f"{name} {_named(value)}" for name, value in wanted.items())
    entry = HistoryEntry(
        at=services.clock.now(),
        kind="set",
        reason=f"set by hand: {told}",
        day=snapshot.today,
        level_before=snapshot.warmup_state.level,
        level_after=state.level,
        cap=WarmupStanding(state.level, snapshot.standing.table, state.cap, state.warmup).cap,
    )
    await services.store.commit(*keep(snapshot, state), remember(domain, entry))


def _changed(snapshot: DomainSnapshot, wanted: Mapping[str, Any]) -> WarmupState:
    changes = dict(wanted)
    if "rules" in changes:
        changes["rules"] = json.dumps(changes["rules"]) if changes["rules"] else ""
        try:
            table = parse_table(changes["rules"]) if changes["rules"] else None
        except ValueError as error:
            raise Invalid("invalid_rules", f"{error}.", "rules") from None
    else:
        table = snapshot.standing.table
    warmup_state = replace(snapshot.warmup_state, **changes)
    top = WarmupStanding(table=table).rules.top
    if warmup_state.level > top:
        raise Invalid("invalid_level", f"Levels go from 1 to {top}.", "level")
    return warmup_state


def _named(value: Any) -> str:
    return "taken back" if value is None else json.dumps(value)
