"""Daily volume that this process has reserved ahead of the single sends that will need it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass


@dataclass(slots=True)
class Ahead:
    """What this process has reserved for a domain's day and not handed out yet. reserved: of which, at `at` (seconds)."""

    day: str
    left: int
    reserved: int = 0
    at: float = 0.0


class Reserved:
    """Of one process. turns: its messages of a domain do not become rivals of each other."""

    def __init__(self) -> None:
        self.by_domain: dict[str, Ahead] = {}
        self.turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
