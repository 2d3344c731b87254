"""What the store keeps of an erasure: how far it is while it runs, and the proof of it afterwards."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Step = Literal[
    "suppressions",
    "lists",
    "schedules",
    "batches",
    "messages",
    "records",
    "events",
    "notifications",
    "audit",
    "end",
]
STEPS: tuple[Step, ...] = get_args(Step)
"""records: what workers and reports noted about the places where the address stood."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """`erasures/{id}`. sealed: the address under the master key, gone when the end is reached.

    places: deflated rows of (path of batch or message, chunk, position) where the address stood when the run began. turn:
    counts the steps, over all runs. erased: documents changed, by step, over all runs. waiting: messages and chunks on
    their way, which are looked at again.
    """

    state: Literal["working", "waiting", "done"]
    sealed: bytes
    asked_at: datetime
    step: Step = "suppressions"
    after: str = ""
    places: bytes = b""
    turn: int = 0
    runs: int = 1
    erased: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    finished_at: datetime | None = None


def erasure_id(address: str, key: bytes) -> str:
    """The same for the same address, and of no use to whoever guesses addresses without the deployment's key."""
    return hmac.new(key, f"erasure:{address.lower()}".encode(), hashlib.sha256).hexdigest()[:24]
