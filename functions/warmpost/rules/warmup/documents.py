"""What the store keeps of a domain's warm-up: its state, its history, and a pool's day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

IdentityTurn = Literal["records_broken", "records_restored", "suspended"]


@dataclass(frozen=True, slots=True)
class PauseFields:
    """As `daily_cap.Pause`."""

    until: datetime
    began: datetime
    cap: int
    of: Literal["domain", "pool"]


@dataclass(frozen=True, slots=True)
class WarmupState:
    """`warmup/{domain}`: how much a domain may send, and how much of it is taken; every release writes it.

    level, cap, warmup, rules: as `levels.WarmupStanding`; rules is a table in JSON, empty for the deployment's. day: the
    calendar day that `reserved` (all volume) and `released` (that of batches) are of, and on which it was `raised` so many
    levels. reserve: as `levels.WarmupStanding`. blocked_on: the day of a block.
    """

    level: int = 1
    cap: int | None = None
    warmup: bool = True
    rules: str = ""
    day: str = ""
    reserved: int = 0
    released: int = 0
    raised: int = 0
    reserve: float = 0.0
    pause: PauseFields | None = None
    blocked_on: str = ""
    block_reason: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """`domains/{d}/history/{id}`: one decision. figures: as `DayCounters`, of the day it was taken on."""

    at: datetime
    kind: Literal["raised", "lowered", "blocked", "paused", "resumed", "kept", "set"] | IdentityTurn
    reason: str
    day: str
    rule: str = ""
    level_before: int | None = None
    level_after: int | None = None
    cap: int | None = None
    figures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoolDay:
    """`pools/{p}/days/{date}`: volume reserved through a pool that has a limit of its own."""

    reserved: int = 0
