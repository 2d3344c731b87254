"""One relay as this process sees it: its connections, and whether it is left alone for now."""

from __future__ import annotations

from collections.abc import Callable

from warmpost.adapters.smtp.connect import NotOpened, Opener
from warmpost.adapters.smtp.session import Conversation
from warmpost.rules.delivery.relay_selection import WELL, Backoff, RelayConnectivity, after_failure
from warmpost.rules.model.relays import Relay


class RelayConnections:
    def __init__(
        self, relay: Relay, opener: Opener, time: Callable[[], float], jitter: Callable[[], float]
    ) -> None:
        self.relay = relay
        self.credit = 0
        self.reason = ""  # of its last failure
        self.backoff: Backoff = WELL
        self._opener = opener
        self._time = time
        self._jitter = jitter
        self._idle: list[Conversation] = []
        self._busy: set[Conversation] = set()
        self._opening = 0

    def standing(self) -> RelayConnectivity:
        for conversation in [c for c in self._idle if not c.is_usable()]:
            self._idle.remove(conversation)
            conversation.quit()
        return RelayConnectivity(
            weight=self.relay.weight,
            max_connections=self.relay.max_connections,
            idle=len(self._idle),
            busy=len(self._busy),
            opening=self._opening,
            backoff=self.backoff,
            credit=self.credit,
        )

    async def connection(self) -> Conversation | None:
        """An idle connection, the one used last first, so that the others may go; else a new one, if it can be had."""
        if self._idle:
            conversation = self._idle.pop()
        else:
            began = self._time()
            self._opening += 1
            try:
                conversation = await self._opener.open(self.relay)
            except NotOpened as error:
                self._failed(began, str(error))
                return None
            finally:
                self._opening -= 1
        self._busy.add(conversation)
        return conversation

    def take_back(self, conversation: Conversation) -> None:
        """All is well again once a connection made after the last failure has served; an older one proves nothing."""
        self._busy.remove(conversation)
        if conversation.is_open:
            self._idle.append(conversation)
        if conversation.fault:
            self._failed(conversation.since, conversation.fault)
        elif conversation.answered and conversation.since >= self.backoff.failed_at:
            self.backoff = WELL

    def _failed(self, began: float, reason: str) -> None:
        self.reason = reason
        self.backoff = after_failure(self.backoff, began=began, now=self._time(), jitter=self._jitter())

    def connections(self) -> list[Conversation]:
        return [*self._idle, *self._busy]
