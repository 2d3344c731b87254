"""A warm-up in a harness: many workers at once, time that passes, and what left on which day."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.actions.harness import DOMAIN, MISSING, START, Harness, perform
from warmpost.actions.context import Services
from warmpost.actions.operations.daily import run_daily
from warmpost.actions.warmup.day_counters import ask_for_assessment, figures_path
from warmpost.actions.warmup.domain_state import read_snapshot
from warmpost.errors import Conflict, Moved, Unavailable
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.writes import Count, Put
from warmpost.rules.warmup.documents import HistoryEntry, WarmupState

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
AT_ONCE = 6
# The rules of the standard table, for volumes that a test has in a second.
RULES = """{"raises_per_day": 20, "caps": [5, 10, 20, 40, 80],
 "lower": {"D1": {"volume": "> 3", "invalid": "> 9 %"}},
 "block": {"B1": {"volume": "> 3", "invalid": "> 11 %"}, "B2": {"volume": "> 3", "spam": "> 15 %"}}}"""


class Season:
    """At level 1 of small caps. by_day: messages that met a relay, by calendar day; a further try is none.

    doomed: does every release and assessment for as long as it lives.
    """

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.store, self.clock, self.queue = harness.store, harness.clock, harness.queue
        self.services = harness.services
        self.by_day: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.random = random.Random(7)
        self.doomed: Services | None = None
        harness.relays.each = self.note

    async def note(self, message: Any) -> None:
        await asyncio.sleep(0)
        address = message.envelope.rcpt_to
        if not self.met[address]:
            self.by_day[f"{self.clock.now():%m-%d}"] += 1
        self.met[address] += 1

    async def begin(self, **warmup_state: Any) -> Season:
        fields = {"rules": RULES, **warmup_state}
        await self.store.commit(Put(f"warmup/{DOMAIN}", WarmupState(**fields)))
        return self

    def crew(self, size: int) -> list[Services]:
        return [self.harness.worker(f"w{number}") for number in range(size)]

    async def pass_until(
        self, moment: datetime, crew: Sequence[Services] = (), *, daily: bool = False, duplicates: float = 0.0
    ) -> None:
        """Tasks that are due run side by side, each by any of the crew; then the clock goes to the next one's time."""
        crew = crew or [self.services]
        while True:
            due = [one for one in self.queue.waiting if self._time(one) <= self.clock.now()][:AT_ONCE]
            if due:
                again = [one for one in due if self.random.random() < duplicates]
                await asyncio.gather(*(self._run(self.random.choice(crew), one) for one in due + again))
                continue
            following = [self._time(one) for one in self.queue.waiting] + [moment]
            if daily:
                following.append(self._next_daily())
            if self.clock.now() >= moment:
                return
            to = min(following)
            is_daily = daily and to == self._next_daily()
            self.clock.move_to(min(to, moment))
            if is_daily and to <= moment:
                await run_daily(crew[0])

    def _next_daily(self) -> datetime:
        today = self.clock.now().replace(hour=0, minute=5, second=0, microsecond=0)
        return today if today > self.clock.now() else today + DAY

    def _time(self, task: Task) -> datetime:
        return task.at or START

    async def _run(self, worker: Services, task: Task) -> None:
        """As Cloud Tasks does: gone once it was answered, later again where something was not available."""
        if self.doomed and task.verb in ("release", "assess"):
            worker = self.doomed
        try:
            await perform(worker, task)
        except asyncio.CancelledError:
            self.doomed = None
            self._put_off(task)
            return
        except (Conflict, Moved, Unavailable):
            self._put_off(task)
            return
        except MISSING:
            pass
        if task in self.queue.waiting:
            self.queue.waiting.remove(task)

    def _put_off(self, task: Task) -> None:
        later = Task(task.verb, task.body, task.name, self.clock.now() + timedelta(seconds=1), task.queue)
        if task in self.queue.waiting:
            self.queue.waiting.remove(task)
            self.queue.waiting.append(later)

    async def assess(self) -> None:
        """The domain is looked at within two seconds."""
        await ask_for_assessment(self.services, DOMAIN)
        await self.pass_until(self.clock.now() + timedelta(seconds=3))

    async def report(self, **amounts: int) -> None:
        """Figures of today that come from elsewhere, such as a relay's reports."""
        today = self.services.today()
        path = f"{figures_path(DOMAIN, today)}/reports-0"
        await self.store.commit(Count(path, amounts, {"domain": DOMAIN, "day": today, "name": "reports"}))
        await self.assess()

    async def warmup_state(self) -> WarmupState:
        found = await self.store.get(WarmupState, f"warmup/{DOMAIN}")
        assert found is not None
        value: WarmupState = found.value
        return value

    async def snapshot(self) -> Any:
        return await read_snapshot(self.services, DOMAIN)

    async def history(self, *kinds: str) -> list[HistoryEntry]:
        """The oldest first."""
        found = await self.store.find(HistoryEntry, f"domains/{DOMAIN}/history")
        return [one.value for one in found if not kinds or one.value.kind in kinds]

    def lose_tasks(self, *verbs: str) -> int:
        """How many of them were waiting."""
        lost = [one for one in self.queue.waiting if not verbs or one.verb in verbs]
        for one in lost:
            self.queue.waiting.remove(one)
        return len(lost)
