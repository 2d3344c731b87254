"""Who uses up what: each adapter says what it spent, and it is kept until it goes into a document's commit.

Nothing is written for it: a commit that names whose it is takes along what that work has used so far.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from warmpost.rules.model.usage import BILLED_STRETCH_US, REST, InstanceSize, Usage, share

WORTH_A_WRITE = 500
"""Operations for which one more write does not matter."""

LONGEST_KEPT = 900.0
"""Seconds after which the next request has written down what is left over, however little."""


class _Invocation:
    __slots__ = ("is_open", "name", "used")

    def __init__(self) -> None:
        self.name = REST
        self.used = Usage()
        self.is_open = True


class _Instance:
    """The time of one function in this process: billed while any request is in it, so all that are share it."""

    def __init__(self, size: InstanceSize) -> None:
        self.size = size
        self.inside: list[_Invocation] = []
        self.began = self.until = 0

    def settle(self, now: int) -> None:
        """Give everybody inside their part up to this moment (microseconds)."""
        if self.inside:
            for one, part in zip(self.inside, share(now - self.until, len(self.inside)), strict=True):
                one.used += self.size.busy(part)
        self.until = now

    def enter(self, invocation: _Invocation, now: int) -> None:
        self.settle(now)
        if not self.inside:
            self.began = now
        self.inside.append(invocation)

    def leave(self, invocation: _Invocation, now: int) -> None:
        self.settle(now)
        self.inside.remove(invocation)
        if not self.inside:
            invocation.used += self.size.busy(-(now - self.began) % BILLED_STRETCH_US)


_current: ContextVar[_Invocation | None] = ContextVar("invocation", default=None)


class Metering:
    """Implements `actions.ports.Metering`, and takes what adapters spend. Used from one event loop.

    sizes: of instances by function. monotonic: seconds.
    """

    def __init__(
        self, sizes: Mapping[str, InstanceSize] | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._sizes = sizes or {}
        self._monotonic = monotonic
        self._instances: dict[str, _Instance] = {}
        self._kept: dict[str, Usage] = {}
        self._since: dict[str, float] = {}
        self._leaving: asyncio.Task[None] | None = None

    @property
    def kept(self) -> Mapping[str, Usage]:
        """What no commit has taken along yet, by name."""
        return dict(self._kept)

    def _now(self) -> int:
        return round(self._monotonic() * 1_000_000)

    @contextmanager
    def invocation(self, function: str) -> Iterator[None]:
        """A request is in process; what happens in its context is its own."""
        instance = self._instances.get(function)
        if instance is None:
            size = self._sizes.get(function, InstanceSize())
            instance = self._instances[function] = _Instance(size)
        invocation = _Invocation()
        instance.enter(invocation, self._now())
        token = _current.set(invocation)
        self.add(Usage(invocations=1))
        try:
            yield
        finally:
            _current.reset(token)
            instance.leave(invocation, self._now())
            invocation.is_open = False
            self.give_back(invocation.name, invocation.used)

    def bill_to(self, name: str) -> None:
        """Says whose work the invocation does: a batch's id or `send`."""
        if invocation := _current.get():
            invocation.name = name

    def add(self, usage: Usage) -> None:
        invocation = _current.get()
        if invocation is None:
            self.give_back(REST, usage)
        elif invocation.is_open:
            invocation.used += usage
        else:
            self.give_back(invocation.name, usage)

    def draw(self, name: str) -> Usage:
        """All that was used for this name and is in no document yet; what the invocation used so far is of it."""
        drawn = self._kept.pop(name, Usage())
        self._since.pop(name, None)
        invocation = _current.get()
        if invocation is not None and invocation.is_open:
            for instance in self._instances.values():
                if invocation in instance.inside:
                    instance.settle(self._now())
            drawn += invocation.used
            invocation.used, invocation.name = Usage(), name
        return drawn

    def give_back(self, name: str, usage: Usage) -> None:
        """Of a commit that failed, or left over at the end of an invocation."""
        if usage != Usage():
            self._kept[name] = self._kept.get(name, Usage()) + usage
            self._since.setdefault(name, self._monotonic())

    def overdue(self) -> Sequence[str]:
        """Names with enough left over, or for long enough, to be written down without an occasion."""
        now = self._monotonic()
        return [
            name
            for name, usage in self._kept.items()
            if self._leaving or usage.operations >= WORTH_A_WRITE or now - self._since[name] >= LONGEST_KEPT
        ]

    def leave(self, write_down: Callable[[], Coroutine[None, None, None]]) -> None:
        """The process is to end: everything is overdue from now on, what is kept at once."""
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_task(write_down())
