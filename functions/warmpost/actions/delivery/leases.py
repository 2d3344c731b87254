"""The claim on a chunk's or message's progress: nobody else's write can come between two of ours.

Every write names the version it was decided on. Whoever finds it changed has lost the lease, stops, and adds only what
it knows of messages that are shown as uncertain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from warmpost.actions.context import Services
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import Moved, Unavailable
from warmpost.rules.delivery import progress as rules
from warmpost.rules.delivery.documents import Message, ProgressFields
from warmpost.rules.delivery.progress import OnUncertain, Progress, Result
from warmpost.rules.delivery.stored_progress import as_changes, load_progress, store_progress
from warmpost.rules.model.writes import Create, Update, Write

BEATS_PER_LEASE = 3
PAUSES = (0.1, 0.5, 2.0)
"""Seconds between tries to write: one failure must not end a turn."""

RECORD_PAUSES = (0.1, 0.2, 0.4, *(0.5,) * 118)
"""The same where nothing but results is written: a minute, in which a database that is busy takes one of many tries."""


class LeaseLostError(Exception):
    """Another worker took over: what is not recorded yet must not be written as if nothing had happened."""


class Lease:
    """Reads and writes the progress of one chunk (`batches/…/progress/…`) or message (a field of its document)."""

    def __init__(self, services: Services, path: str, count: int, in_message: bool) -> None:
        self._services = services
        self._path = path
        self._count = count
        self._in_message = in_message
        self._version: Any = None
        self._seq = 0
        self._writing = asyncio.Lock()
        self._age = 0.0
        self.was_taken_over = False
        self.found = self.progress = rules.begin(count)

    @property
    def seq(self) -> int:
        """Writes so far, over all workers."""
        return self._seq

    async def read(self) -> Progress:
        if self._in_message:
            message = await self._services.store.get(Message, self._path)
            fields = message.value.progress if message else None
            self._version, self._age = (message.version, message.age) if message else (None, 0.0)
        else:
            chunk = await self._services.store.get(ProgressFields, self._path)
            fields = chunk.value if chunk else None
            self._version, self._age = (chunk.version, chunk.age) if chunk else (None, 0.0)
        self._seq = fields.seq if fields else 0
        self.found = self.progress = load_progress(fields, self._count)
        return self.progress

    @property
    def seen(self) -> int:
        """Milliseconds of what was read: another number whenever it is read again, whatever this worker's clock says."""
        return round(self._age * 1000)

    @property
    def others_end_in(self) -> float:
        """Seconds until the lease of another worker is void; 0 where nobody else has one."""
        policy, now = self._services.policy, self._services.clock.timestamp()
        worker = self._services.worker
        if not rules.is_leased(self.progress, worker, now, self._age, policy.lease, policy.clocks_differ):
            return 0.0
        return max(policy.lease - self._age, 1.0)

    def take_over(self, on_uncertain: OnUncertain, stretch: range, day: str) -> None:
        """From a worker that has ended or never was; kept with the first write. day: on which the stretch's volume is."""
        settled = rules.take_over(self.progress, on_uncertain, self._services.clock.timestamp())
        self.progress = rules.reserve(settled, stretch, day)
        self.was_taken_over = self.progress != self.found

    async def write(self, progress: Progress, *beside: Write) -> None:
        """Together with what else belongs into the same commit. Raises LeaseLostError where somebody else wrote since."""
        async with self._writing:
            await self._write(progress, *beside)

    async def claim(self, results: Mapping[int, Result], positions: Iterable[int]) -> None:
        """One write: the results of the claim batch before, and the claim batch that goes out next."""
        now = self._services.clock.timestamp()
        recorded = rules.record(self.progress, results, now)
        owner, until = self._services.worker, now + self._services.policy.lease
        await self.write(rules.claim(recorded, positions, owner, until))

    async def record(self, progress: Progress, *, and_end: bool = False) -> None:
        """Results by themselves, tried for a long time: what a relay has said is known here only.

        The owner's name stays: by it whoever comes next knows that what follows of them is still to be written. and_end:
        that may be at once.
        """
        until = 0.0 if and_end else self._services.clock.timestamp() + self._services.policy.lease
        async with self._writing:
            owned = replace(progress, owner=self._services.worker, lease_until=until)
            await self._write(owned, pauses=RECORD_PAUSES)

    async def close(self, progress: Progress, *beside: Write) -> None:
        """Records where things stand and gives the lease back."""
        await self.write(replace(progress, owner="", lease_until=0.0), *beside)

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Renews the lease while messages are with the relay; a write per third of a lease, none for quick ones."""
        beat = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)

    async def _beat(self) -> None:
        lease = self._services.policy.lease
        while True:
            await asyncio.sleep(lease / BEATS_PER_LEASE)
            with suppress(Unavailable):
                await asyncio.shield(self._renew(lease))

    async def _renew(self, lease: float) -> None:
        async with self._writing:
            until = self._services.clock.timestamp() + lease
            await self._write(replace(self.progress, lease_until=until))

    async def settle(self, results: Mapping[int, Result]) -> None:
        """After the lease was lost: turns what is shown as uncertain into what this worker knows."""
        await retry_on_conflict(lambda: self._settle(results), on=LeaseLostError)

    async def _settle(self, results: Mapping[int, Result]) -> None:
        current = await self.read()
        settled = rules.settle_own(current, results, self._services.clock.timestamp())
        if settled != current:
            await self._write(settled)

    async def _write(self, progress: Progress, *beside: Write, pauses: Sequence[float] | None = None) -> None:
        fields = store_progress(progress, self._seq + 1)
        for pause in PAUSES if pauses is None else pauses:
            try:
                await self._write_once(fields, beside)
                break
            except Unavailable:
                await asyncio.sleep(pause)
        else:
            await self._write_once(fields, beside)
        self._seq = fields.seq
        self.progress = progress

    async def _write_once(self, fields: ProgressFields, beside: tuple[Write, ...]) -> None:
        try:
            self._version = await self._commit(fields, beside)
        except Moved:
            if not await self._is_mine(fields):
                raise LeaseLostError(self._path) from None

    async def _commit(self, fields: ProgressFields, beside: tuple[Write, ...]) -> Any:
        store = self._services.store
        if self._in_message:
            write: Write = Update(self._path, {"progress": fields}, self._version)
        elif self._version is None:
            write = Create(self._path, fields)
        else:
            write = Update(self._path, as_changes(fields), self._version)
        version, *_ = await store.commit(write, *beside)
        return version

    async def _is_mine(self, fields: ProgressFields) -> bool:
        """A write whose answer was lost is repeated, here or by the client, and then finds its own first try."""
        store = self._services.store
        if self._in_message:
            message = await store.get(Message, self._path)
            found, version = (message.value.progress, message.version) if message else (None, None)
        else:
            chunk = await store.get(ProgressFields, self._path)
            found, version = (chunk.value, chunk.version) if chunk else (None, None)
        if found != fields:
            return False
        self._version = version
        return True
