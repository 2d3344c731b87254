"""How long what was sent is kept: first the content goes, then the recipients; figures stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """In days. content: of messages and batches that have ended. recipients: who they went to and what became of each.
    events: event logs and notifications. audit: who changed what."""

    content: int = 30
    recipients: int = 400
    events: int = 30
    audit: int = 400

    def content_before(self, now: datetime) -> datetime:
        return now - timedelta(days=self.content)

    def recipients_before(self, now: datetime) -> datetime:
        return now - timedelta(days=self.recipients)


@dataclass(frozen=True, slots=True)
class Retained:
    """`runs/{name}`: up to which moment the content of what had ended is gone already."""

    content_until: datetime
