"""The shapes of what is told of suppressed addresses."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, UnsetType

from warmpost.gateways.api.answers import Answer, Count
from warmpost.rules.suppressions.documents import SuppressionReason


class Suppression(Answer):
    """domain: the sender domain it holds for, null for all."""

    address: str
    reason: SuppressionReason
    domain: str | None
    since: datetime
    expires_at: datetime | None
    note: str


class ListedSuppression(Suppression):
    """lifted_at, lifted_note: with `?lifted=true`."""

    lifted_at: datetime | UnsetType | None = UNSET
    lifted_note: str | UnsetType = UNSET


class FoundSuppression(Suppression):
    """scopes: everything that holds for the address."""

    scopes: list[Suppression]


class ImportedSuppressions(Answer):
    added: Count
    changed: Count
    duplicates: Count
    rejected: list[RejectedSuppression]


class RejectedSuppression(Answer):
    line: int
    address: str
    reason: str
