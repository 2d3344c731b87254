"""An event loop without a machine below it: time is a number, and a seed decides what goes on next.

Everything that a real process would wait for (database, queue, relay) is a `Step` that waits until it is chosen. Callbacks
keep asyncio's own order; only answers from outside come in any order, as they do.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

MOST_STEPS = 20_000
"""Of one schedule: what goes on for longer comes to no end."""


class Choices(Protocol):
    """Decides what the world leaves open. what: names the decision, for whoever reads a failing schedule."""

    def pick(self, count: int, what: str) -> int:
        """One of so many, counted from 0."""
        ...

    def happens(self, what: str) -> bool:
        """Whether a fault comes now."""
        ...

    def time_passes(self) -> bool:
        """Whether the next timer is due before any of the steps that wait."""
        ...


class SeededChoices:
    """Any order, and up to `faults` faults at moments spread over a schedule."""

    def __init__(self, seed: int, faults: int, every: int = 40, hurried: bool = False) -> None:
        """hurried: time stands still while anybody has anything to do."""
        self._random = Random(seed)
        self._hurried = hurried
        self._faults = faults
        self._every = every

    def pick(self, count: int, what: str) -> int:
        return self._random.randrange(count) if count > 1 else 0

    def happens(self, what: str) -> bool:
        if self._faults == 0 or self._random.randrange(self._every):
            return False
        self._faults -= 1
        return True

    def time_passes(self) -> bool:
        return not self._hurried and self._random.randrange(12) == 0


class ScriptedChoices:
    """The same order always but for one fault, and one step that is overtaken: for going through small cases entirely.

    fault_at: the number of the moment at which the fault comes. overtaken: the number of the pick that takes another.
    """

    def __init__(self, fault_at: int = -1, overtaken: int = -1) -> None:
        self._fault_at, self._overtaken = fault_at, overtaken
        self.moments = self.picks = 0

    def pick(self, count: int, what: str) -> int:
        if count < 2:
            return 0
        self.picks += 1
        return count - 1 if self.picks - 1 == self._overtaken else 0

    def happens(self, what: str) -> bool:
        self.moments += 1
        return self.moments - 1 == self._fault_at

    def time_passes(self) -> bool:
        return False


class Standstill(Exception):
    """Somebody waits for what nobody will do."""


@dataclass(slots=True, eq=False)
class Step:
    """Something from outside that one process waits for. owner: the process; what: for people."""

    owner: Hashable
    what: str
    future: asyncio.Future[None]


class SimulatedLoop(asyncio.BaseEventLoop):
    """after_each: called when a step was chosen and what it set off has run, to look at the world."""

    _ready: Any
    _scheduled: list[asyncio.TimerHandle]
    _stopping: bool

    def __init__(self, choices: Choices, after_each: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.choices = choices
        self.after_each = after_each
        self.steps = 0
        self.history: list[str] = []
        self._waiting: list[Step] = []
        self._now = 0.0

    def time(self) -> float:
        return self._now

    async def step(self, owner: Hashable, what: str) -> None:
        """Until it is chosen. Raises asyncio.CancelledError where the owner is ended meanwhile."""
        one = Step(owner, what, self.create_future())
        self._waiting.append(one)
        try:
            await one.future
        finally:
            if one in self._waiting:
                self._waiting.remove(one)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """At once: a thread of its own would come back at a moment that no seed knows."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as problem:
            done.set_exception(problem)
        return done

    def waiting(self) -> Sequence[Step]:
        return self._waiting

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """To its end; what is left then is given up."""
        asyncio.set_event_loop(self)
        try:
            return self.run_until_complete(main)
        finally:
            self._give_up()
            asyncio.set_event_loop(None)
            self.close()

    def _give_up(self) -> None:
        self.after_each = lambda: None
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    def _run_once(self) -> None:
        if not self._ready:
            self.after_each()
            self._choose()
        handle = self._ready.popleft()
        if not handle._cancelled:
            handle._run()

    def _choose(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Standstill(f"no end after {MOST_STEPS:,} steps: {self._left()}")
        self._drop_cancelled_timers()
        if self._scheduled and (not self._waiting or self.choices.time_passes()):
            self._fire()
        elif self._waiting:
            chosen = self._waiting.pop(self.choices.pick(len(self._waiting), "step"))
            self._now += 0.001
            self.history.append(f"{self._now:.3f} {chosen.owner}: {chosen.what}")
            if not chosen.future.done():
                chosen.future.set_result(None)
        elif not self._ready:
            raise Standstill(f"nothing is left to happen: {self._left()}")

    def _left(self) -> str:
        return ", ".join(sorted(str(task.get_name()) for task in asyncio.all_tasks(self)))

    def _drop_cancelled_timers(self) -> None:
        while self._scheduled and self._scheduled[0]._cancelled:  # type: ignore[attr-defined]
            heapq.heappop(self._scheduled)._scheduled = False  # type: ignore[attr-defined]

    def _fire(self) -> None:
        timer = heapq.heappop(self._scheduled)
        timer._scheduled = False  # type: ignore[attr-defined]
        self._now = max(self._now, timer.when())
        self._ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """They are dropped when their turn comes."""

    def _process_events(self, event_list: object) -> None:
        """There are none from below."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""
