"""What is claimed together of a parcel, and how it is composed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from warmpost.actions.delivery.delivery_job import Parcel
from warmpost.actions.delivery.prefetch import Lookahead, Room, Stride, look_ahead
from warmpost.actions.ports import Composer, Services
from warmpost.errors import Invalid
from warmpost.rules.message.message import Unrenderable


class Strides:
    """Those of one parcel."""

    def __init__(self, services: Services, parcel: Parcel) -> None:
        self._services = services
        self._parcel = parcel
        self._composer: Composer | None = None

    def ahead(self, pending: Sequence[int], slowly: bool = False) -> AbstractAsyncContextManager[Lookahead]:
        """slowly: of slow providers, which like single sends stand in no line."""
        size, desk = self._services.policy.stride, self._services.desk
        strides = [pending[start : start + size] for start in range(0, len(pending), size)]
        in_line = bool(self._parcel.errand.batch) and not slowly
        return look_ahead(strides, self._compose, desk.room if in_line else Room())

    async def _compose(self, positions: Sequence[int]) -> Stride:
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
