"""What the store keeps of recipient lists and templates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warmpost.rules.tencent.syntax import Syntax
from warmpost.rules.tracking.tracking import Track


@dataclass(frozen=True, slots=True)
class Template:
    """`templates/{id}`, and each of its states for ever at `templates/{id}/versions/{version}`.

    number: the id, as what templates are listed by. size: bytes of the three sources. track: of messages whose order says
    nothing of it. syntax: in which subject, html and text are written, and kept as they came.
    """

    name: str
    subject: str
    html: str
    text: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    number: int = 0
    size: int = 0
    track: Track | None = None
    syntax: Syntax = "jinja"


@dataclass(frozen=True, slots=True)
class RecipientList:
    """`lists/{id}`; its recipients are `lists/{id}/pages/{n}`, of which the first `pages` count.

    variables: columns that every recipient has. busy_until: an import is under way until then at the latest.
    number: the id, as what lists are listed by. description: what the list's owner says of it.
    """

    name: str
    count: int
    pages: int
    variables: tuple[str, ...]
    created_at: datetime
    busy_until: datetime | None = None
    number: int = 0
    description: str = ""
