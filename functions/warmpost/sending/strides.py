"""Messages that are claimed together, composed while those before them are with a relay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from warmpost.errors import Invalid
from warmpost.rules.envelope import Outgoing
from warmpost.rules.letters import Unrenderable
from warmpost.sending.parcels import Parcel
from warmpost.sending.ports import Composer, Services


@dataclass(frozen=True, slots=True)
class Stride:
    """positions: claimed together. letters: composed, or why not."""

    positions: Sequence[int]
    letters: Sequence[Outgoing | Unrenderable]

    def only(self, positions: Sequence[int]) -> Stride:
        """positions: some of its own."""
        if len(positions) == len(self.positions):
            return self
        letters = dict(zip(self.positions, self.letters, strict=True))
        return Stride(positions, [letters[one] for one in positions])


class Strides:
    """Those of one parcel."""

    def __init__(self, services: Services, parcel: Parcel) -> None:
        self._services = services
        self._parcel = parcel
        self._composer: Composer | None = None

    def of(self, todo: Sequence[int]) -> list[Sequence[int]]:
        size = self._services.policy.stride
        return [todo[start : start + size] for start in range(0, len(todo), size)]

    def ahead(self, strides: Sequence[Sequence[int]], number: int) -> asyncio.Task[Stride]:
        positions = strides[number] if number < len(strides) else ()
        return asyncio.create_task(self._compose(positions))

    async def _compose(self, positions: Sequence[int]) -> Stride:
        if not positions:
            return Stride(positions, [])
        parcel, policy = self._parcel, self._services.policy
        try:
            if self._composer is None:
                self._composer = self._services.press.composer(
                    parcel.letter, parcel.domain.domain, parcel.domain.keys
                )
        except Invalid as problem:
            return Stride(positions, [Unrenderable(problem.message)] * len(positions))
        now = self._services.clock.timestamp()
        letters = await self._composer.compose([parcel.job(one, policy, now) for one in positions])
        return Stride(positions, letters)
