"""The mailbox simulator: addresses that behave, without a message leaving and without counting anywhere."""

from __future__ import annotations

from warmpost.rules.delivery.envelope import HandOver, Outcome, Reply
from warmpost.rules.model.events import EventKind

_SCRIPT: dict[str, Outcome] = {
    "success": Outcome(HandOver.ACCEPTED, "simulator", Reply(250, "2.0.0", "Ok: queued by the simulator")),
    "bounce": Outcome(HandOver.REFUSED, "simulator", Reply(550, "5.1.1", "No such user here (simulated)")),
    "softbounce": Outcome(HandOver.REFUSED, "simulator", Reply(552, "5.2.2", "Mailbox full (simulated)")),
    "deferred": Outcome(HandOver.POSTPONED, "simulator", Reply(451, "4.7.1", "Try again later (simulated)")),
}
READERS: dict[str, EventKind] = {
    "complaint": "complained",
    "unsubscribe": "unsubscribed",
    "open": "opened",
    "click": "clicked",
}
"""What the readers of these mailboxes do once a message is there."""

SCENARIOS = (*_SCRIPT, *READERS)


def simulate(address: str, domain: str) -> Outcome | None:
    """What the simulator answers for an address of its own, or None for any other.

    `bounce+anything@…` is `bounce@…`. Readers' actions begin with an accepted message. An unknown scenario is refused,
    so that a typing error shows.
    """
    scenario = scenario_of(address, domain)
    if scenario is None:
        return None
    if scenario in READERS:
        return _SCRIPT["success"]
    unknown = Reply(550, "5.1.1", f"The simulator knows {', '.join(SCENARIOS)}; not {scenario}")
    return _SCRIPT.get(scenario, Outcome(HandOver.REFUSED, "simulator", unknown))


def scenario_of(address: str, domain: str) -> str | None:
    """`bounce` for `Bounce+anything@…`, None for an address that is not the simulator's."""
    local, _, host = address.rpartition("@")
    return local.lower().partition("+")[0] if host.lower() == domain.lower() else None
