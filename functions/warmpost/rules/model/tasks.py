"""Work to be done behind the queue, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from warmpost.rules.model.derived_ids import short_hash, task_name

Queue = Literal["send", "deliver", "control", "notify"]
"""Single messages have their own: behind chunks of a newsletter a password reset would wait for minutes."""


@dataclass(frozen=True, slots=True)
class Task:
    """One call of `work`. name: the same name is queued once only. body: JSON. at: not before."""

    verb: str
    body: Mapping[str, object]
    name: str = ""
    at: datetime | None = None
    queue: Queue = "control"


def batch_task(verb: Literal["plan", "release"], batch_id: str, *state: object) -> Task:
    """Named by what it is about. It carries its name along, for the turn that may follow it."""
    name = task_name(verb, batch_id, *state)
    return Task(verb, {"batch": batch_id, "turn": name}, name)


def next_turn(verb: Literal["plan", "release"], batch_id: str, turn: str) -> Task:
    """For what is left of a turn.

    Named after that turn and nothing else: delivered twice it makes one, while two turns that met the same state make
    two. A name made of the state might be one that is used up.
    """
    return batch_task(verb, batch_id, "after", short_hash(turn, length=10))
