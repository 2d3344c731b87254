"""What must have been told, suppressed and counted, from what was done alone; and what does not agree with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.local.demo.api import Json
from infra.local.demo.cast import BUSY, FULL, GONE, LATER, SIMULATED, SPAM, Cast

Tale = tuple[str, str]
"""A kind of event, and the address it is about."""

BY_SIMULATOR = {
    "success": ("delivered",),
    "bounce": ("bounced",),
    "softbounce": ("bounced",),
    "complaint": ("delivered", "complained"),
    "unsubscribe": ("delivered", "unsubscribed"),
    "deferred": (),
    "open": ("delivered", "opened"),
    "click": ("delivered", "clicked"),
}
PUT_OFF = (*BUSY, "deferred@simulator.invalid")
"""Tried again and again: how often, their history tells."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What the API and the inbox say. told: the events the receiver kept. figures: added up over providers.

    put_off: how often those of PUT_OFF were, in both batches. arrived: mails by recipient. second: the second batch.
    """

    told: Sequence[Json]
    put_off: Mapping[str, int]
    suppressed: Mapping[str, str]
    figures: Mapping[str, int]
    arrived: Mapping[str, int]
    second: Json


def suppressed(cast: Cast) -> dict[str, str]:
    return {
        **dict.fromkeys((*GONE, *cast.late_bounces), "hard_bounce"),
        **dict.fromkeys(cast.complaining, "complaint"),
        **dict.fromkeys((*cast.one_click, *cast.by_button), "unsubscribe"),
    }


def delivered(cast: Cast) -> list[str]:
    """Those of whom the relay says so."""
    never = {*GONE, *FULL, *SPAM, *BUSY, *SIMULATED}
    return [one for one in cast.everybody if one not in never]


def tales(cast: Cast, put_off: Mapping[str, int]) -> Counter[Tale]:
    """Every event of both batches, with how often it must be told."""
    return Counter([*_first(cast), *_second(cast)]) + Counter(
        {("deferred", one): number for one, number in put_off.items()}
    )


def _first(cast: Cast) -> Iterator[Tale]:
    yield from _failures(GONE)
    yield from _simulated()
    yield from (("deferred", one) for one in LATER)
    yield from (("delivered", one) for one in delivered(cast))
    yield from (("bounced", one) for one in cast.late_bounces)
    yield from (("complained", one) for one in cast.complaining)
    yield from (("opened", one) for one in (*cast.opening, *cast.returning, *cast.prefetched))
    yield from (("clicked", one) for one in (*cast.clicking, *cast.scanned))
    yield from (("unsubscribed", one) for one in (*cast.one_click, *cast.by_button, *cast.undecided))
    yield from (("resubscribed", one) for one in cast.undecided)


def _second(cast: Cast) -> Iterator[Tale]:
    yield from _failures(())
    yield from _simulated()
    yield from (("dropped", one) for one in suppressed(cast))


def _failures(gone: Sequence[str]) -> Iterator[Tale]:
    return (("bounced", one) for one in (*gone, *FULL, *SPAM))


def _simulated() -> Iterator[Tale]:
    return ((kind, one) for one in SIMULATED for kind in BY_SIMULATOR[one.partition("@")[0]])


def figures(cast: Cast) -> dict[str, int]:
    """Of both batches, without the simulator."""
    return {
        "requested": 2 * (len(cast.everybody) - len(SIMULATED)),
        "suppressed": len(suppressed(cast)),
        "bounced": len(GONE) + 2 * len(FULL + SPAM) + len(cast.late_bounces),
        "complained": len(cast.complaining),
        "opened": len(cast.opening),
        "opened_total": len(cast.opening) + len(cast.returning),
        "machine_opened": len(cast.prefetched),
        "clicked": len(cast.clicking),
        "machine_clicked": len(cast.scanned),
        "unsubscribed": len(cast.one_click) + len(cast.by_button) + len(cast.undecided),
    }


def counted(told: Sequence[Json]) -> Counter[Tale]:
    return Counter((one["type"], one["to"]) for one in told)


def mistakes(cast: Cast, ending: Ending) -> list[str]:
    """In sentences; empty where everything was told exactly once, counted and heeded."""
    return [*_telling(cast, ending), *_heeding(cast, ending)]


def _telling(cast: Cast, ending: Ending) -> Iterator[str]:
    wanted, got = tales(cast, ending.put_off), counted(ending.told)
    ids = Counter(one["id"] for one in ending.told)
    if twice := [id for id, number in ids.items() if number > 1]:
        yield f"{len(twice)} events were told twice, such as {twice[0]}"
    for words, difference in (("not told", wanted - got), ("told but not expected", got - wanted)):
        if difference:
            kind, to = next(iter(difference))
            yield f"{difference.total()} events {words}, such as {kind} of {to}"


def _heeding(cast: Cast, ending: Ending) -> Iterator[str]:
    if ending.suppressed != suppressed(cast):
        strange = set(ending.suppressed.items()) ^ set(suppressed(cast).items())
        yield f"suppressed otherwise than expected: {', '.join(sorted(address for address, _ in strange))}"
    for name, number in figures(cast).items():
        if ending.figures.get(name, 0) != number:
            yield f"{name} is {ending.figures.get(name, 0)} in the statistics, {number} happened"
    again = [one for one in suppressed(cast) if ending.arrived.get(one, 0) > (one not in GONE)]
    if again:
        yield f"mailed in spite of their suppression: {', '.join(again)}"
    if (number := ending.second["counts"]["suppressed"]) != len(suppressed(cast)):
        yield f"the second batch left out {number}, not {len(suppressed(cast))}"
