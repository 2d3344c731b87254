"""How fast this process serves each mailbox provider, remembered for those that are limited or have complained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from warmpost.actions.ports import Clock
from warmpost.actions.storage.log import log_event
from warmpost.rules.delivery import throttling as rules
from warmpost.rules.delivery.envelope import Outcome
from warmpost.rules.delivery.throttling import FREE, Limit, ProviderPace, is_complaint, served_as

MOST = 10_000
"""Providers remembered; beyond that all are forgotten but those that are being served."""


class ProviderGate:
    """Implements `rules.delivery.throttling.Gate` for one provider and pool."""

    def __init__(self, name: str, limit: Limit, clock: Clock) -> None:
        self.name = name
        self.under_way = 0
        self._clock = clock
        self._pace = rules.begin(limit, clock.timestamp())

    @property
    def pace(self) -> ProviderPace:
        self._pace = rules.earned(self._pace, self._clock.timestamp())
        return self._pace

    @property
    def words(self) -> str:
        if self._pace.rate < self._pace.top:
            return f"{self.name} is served more slowly, as it asked for: {self._pace.why}"
        return f"{self.name} has a limit in WARMPOST_PROVIDERS"

    def delay(self) -> float:
        if self.under_way >= self._pace.limit.connections:
            return 0.02
        return rules.wait(self.pace)

    def begin(self) -> None:
        self.under_way += 1
        self._pace = rules.spend(self.pace)

    def end(self) -> None:
        self.under_way -= 1

    def slow_down(self, why: str, seen: float) -> bool:
        """Whether it is slower now than before."""
        before = self._pace.slowed_at
        self._pace = rules.slowed(self._pace, self._clock.timestamp(), why, seen)
        return self._pace.slowed_at != before

    def come_back(self, wanted: int) -> float:
        """Seconds until so many may come."""
        seconds, self._pace = rules.come_back(self.pace, wanted, self._clock.timestamp())
        return seconds


class _Open:
    """The gate of a provider that was held back until a moment ago."""

    def delay(self) -> float:
        return 0.0

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass


OPEN = _Open()


class Throttle:
    def __init__(self, limits: Mapping[str, Limit], clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._gates: dict[tuple[str, str], ProviderGate] = {}

    def gate(self, pool: str, address: str) -> ProviderGate | None:
        """None where nothing holds its provider back, which costs next to nothing to find out."""
        if not (self._gates or self._limits):
            return None
        name = served_as(address)
        gate = self._gates.get((pool, name))
        if gate is None:
            limit = self._limits.get(name) or self._limits.get("*")
            return self._new(pool, name, limit) if limit else None
        if gate.pace.is_free and not gate.under_way:
            del self._gates[pool, name]
            return None
        return gate

    def _new(self, pool: str, name: str, limit: Limit) -> ProviderGate:
        if len(self._gates) >= MOST:
            self._gates = {key: gate for key, gate in self._gates.items() if gate.under_way}
        gate = self._gates[pool, name] = ProviderGate(name, limit, self._clock)
        return gate

    def heard(self, pool: str, answers: Iterable[tuple[str, Outcome]], seconds: float) -> None:
        """What providers said to a claim batch. answers: addresses with outcomes. seconds: how long it took."""
        answers = list(answers)
        complaints = {served_as(address): one for address, one in answers if is_complaint(one)}
        for name, outcome in complaints.items():
            limit = self._limits.get(name) or self._limits.get("*") or FREE
            gate = self._gates.get((pool, name)) or self._new(pool, name, limit)
            served = sum(served_as(address) == name for address, _ in answers)
            if gate.slow_down(str(outcome.reply)[:200], served / max(1.0, seconds)):
                words = f"{name} is served at {gate.pace.rate:.3g} messages a second: {outcome.reply}"
                log_event("provider_slowed", words, pool=pool, provider=name)
