"""Work to be done behind the queue, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Queue = Literal["deliver", "control", "notify"]


@dataclass(frozen=True, slots=True)
class Task:
    """One call of `work`. name: the same name is queued once only. body: JSON. at: not before."""

    verb: str
    body: Mapping[str, object]
    name: str = ""
    at: datetime | None = None
    queue: Queue = "control"
