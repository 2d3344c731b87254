"""The messages of one hand-over, shared by all connections that work on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from warmpost.adapters.smtp.wire import Offers, Unfit, envelope_commands, fitted
from warmpost.rules.delivery.envelope import HandOver, Outcome, Outgoing
from warmpost.rules.delivery.throttling import Gate

MOST_TRIES = 3


class Item:
    """One message on its way. tries: connections that broke while it was being handed over."""

    __slots__ = ("index", "message", "tries")

    def __init__(self, index: int, message: Outgoing) -> None:
        self.index = index
        self.message = message
        self.tries = 0


class SendQueue:
    """A queue from which each connection takes its next message, so that a slow one holds up nobody else's.

    An item is in one place at a time: waiting here, with one connection, or settled. Nothing is given out once
    stop_at (seconds of `time`) has come.
    """

    def __init__(
        self,
        messages: Sequence[Outgoing],
        time: Callable[[], float],
        stop_at: float | None = None,
        gates: Sequence[Gate] = (),
    ) -> None:
        """gates: one for each message, where they have to be passed."""
        self._waiting = deque(Item(index, message) for index, message in enumerate(messages))
        self._outcomes: list[Outcome | None] = [None] * len(messages)
        self._time = time
        self._gates = gates
        self.stop_at = stop_at
        self.written = 0  # bytes, by all connections

    def is_stopped(self) -> bool:
        return self.stop_at is not None and self._time() >= self.stop_at

    def stop_by(self, time: float) -> None:
        self.stop_at = time if self.stop_at is None else min(self.stop_at, time)

    def has_waiting(self) -> bool:
        return bool(self._waiting) and not self.is_stopped()

    def take(self, relay: str, offers: Offers) -> tuple[Item, bytes] | None:
        """The next message that this relay can carry, with its commands; those it cannot are refused on the way."""
        while self.has_waiting():
            item = self._next() if self._gates else self._waiting.popleft()
            if item is None:
                return None
            try:
                item.message = fitted(item.message, offers)
                return item, envelope_commands(item.message, offers)
            except Unfit as unfit:
                self.settle(item, Outcome(HandOver.REFUSED, relay, None, str(unfit)))
        return None

    def _next(self) -> Item | None:
        """The first whose gate is open."""
        for _ in range(len(self._waiting)):
            item = self._waiting.popleft()
            if self._gates[item.index].delay() <= 0:
                self._gates[item.index].begin()
                return item
            self._waiting.append(item)
        return None

    def pause(self) -> float:
        """Seconds until the first gate opens for somebody who waits; 0 where one is open."""
        if not self._gates:
            return 0.0
        return min(
            (gate.delay() for gate in {self._gates[item.index] for item in self._waiting}), default=0.0
        )

    def put_back(self, item: Item, relay: str, reason: str, *, counts: bool) -> None:
        """For a message that no relay can have taken.

        counts: its connection was sound when it was begun, so the message itself may be what broke it; it goes behind
        the others, and is given up after MOST_TRIES.
        """
        if self._gates:
            self._gates[item.index].end()
        if not counts:
            self._waiting.appendleft(item)
            return
        item.tries += 1
        if item.tries < MOST_TRIES:
            self._waiting.append(item)
        else:
            self._outcomes[item.index] = Outcome(HandOver.NOT_TRIED, relay, None, reason)

    def settle(self, item: Item, outcome: Outcome) -> None:
        if self._gates:
            self._gates[item.index].end()
        self._outcomes[item.index] = outcome

    def outcomes(self, reason: str) -> list[Outcome]:
        """In the order given; what nobody took is NOT_TRIED for this reason."""
        not_tried = Outcome(HandOver.NOT_TRIED, reason=reason)
        return [outcome or not_tried for outcome in self._outcomes]
