"""What the store keeps of suppressed addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SuppressionReason = Literal["manual", "hard_bounce", "complaint", "unsubscribe"]


@dataclass(frozen=True, slots=True)
class Suppression:
    """`suppressions/{hash}`: an address that must not be mailed. hash: `derived_ids.address_hash`.

    scope: the sender domain it holds for, empty for the whole deployment. expires_at: None for ever. lifted: it holds no
    more, since lifted_at. changed_at: stamped with every change, so that workers which remember the list find what is new.
    """

    address: str
    hash: int
    reason: SuppressionReason
    since: datetime
    note: str = ""
    scope: str = ""
    expires_at: datetime | None = None
    lifted: bool = False
    lifted_at: datetime | None = None
    lifted_note: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuppressionPage:
    """`suppression_pages/{version}-{n}`: see `suppression_pages`."""

    content: bytes


@dataclass(frozen=True, slots=True)
class SuppressionIndex:
    """`suppression_pages/head`: which pages hold all suppressions as they were changed up to that moment."""

    version: str
    pages: int
    upto: datetime
