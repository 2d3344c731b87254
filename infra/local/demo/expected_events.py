"""What must have been told, suppressed and counted, from what was done alone; and what does not agree with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.local.demo.api import Json
from infra.local.demo.scripted_readers import BUSY, FULL, GONE, LATER, SIMULATED, SPAM, ScriptedReaders

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


def suppressed(readers: ScriptedReaders) -> dict[str, str]:
    return {
        **dict.fromkeys((*GONE, *readers.late_bounces), "hard_bounce"),
        **dict.fromkeys(readers.complaining, "complaint"),
        **dict.fromkeys((*readers.one_click, *readers.by_button), "unsubscribe"),
    }


def delivered(readers: ScriptedReaders) -> list[str]:
    """Those of whom the relay says so."""
    never = {*GONE, *FULL, *SPAM, *BUSY, *SIMULATED}
    return [one for one in readers.everybody if one not in never]


def tales(readers: ScriptedReaders, put_off: Mapping[str, int]) -> Counter[Tale]:
    """Every event of both batches, with how often it must be told."""
    return Counter([*_first(readers), *_second(readers)]) + Counter(
        {("deferred", one): number for one, number in put_off.items()}
    )


def _first(readers: ScriptedReaders) -> Iterator[Tale]:
    yield from _failures(GONE)
    yield from _simulated()
    yield from (("deferred", one) for one in LATER)
    yield from (("delivered", one) for one in delivered(readers))
    yield from (("bounced", one) for one in readers.late_bounces)
    yield from (("complained", one) for one in readers.complaining)
    yield from (("opened", one) for one in (*readers.opening, *readers.returning, *readers.prefetched))
    yield from (("clicked", one) for one in (*readers.clicking, *readers.scanned))
    yield from (("unsubscribed", one) for one in (*readers.one_click, *readers.by_button, *readers.undecided))
    yield from (("resubscribed", one) for one in readers.undecided)


def _second(readers: ScriptedReaders) -> Iterator[Tale]:
    yield from _failures(())
    yield from _simulated()
    yield from (("dropped", one) for one in suppressed(readers))


def _failures(gone: Sequence[str]) -> Iterator[Tale]:
    return (("bounced", one) for one in (*gone, *FULL, *SPAM))


def _simulated() -> Iterator[Tale]:
    return ((kind, one) for one in SIMULATED for kind in BY_SIMULATOR[one.partition("@")[0]])


def figures(readers: ScriptedReaders) -> dict[str, int]:
    """Of both batches, without the simulator."""
    return {
        "requested": 2 * (len(readers.everybody) - len(SIMULATED)),
        "suppressed": len(suppressed(readers)),
        "bounced": len(GONE) + 2 * len(FULL + SPAM) + len(readers.late_bounces),
        "complained": len(readers.complaining),
        "opened": len(readers.opening),
        "opened_total": len(readers.opening) + len(readers.returning),
        "machine_opened": len(readers.prefetched),
        "clicked": len(readers.clicking),
        "machine_clicked": len(readers.scanned),
        "unsubscribed": len(readers.one_click) + len(readers.by_button) + len(readers.undecided),
    }


def counted(told: Sequence[Json]) -> Counter[Tale]:
    return Counter((one["type"], one["to"]) for one in told)


def mistakes(readers: ScriptedReaders, ending: Ending) -> list[str]:
    """In sentences; empty where everything was told exactly once, counted and heeded."""
    return [*_telling(readers, ending), *_heeding(readers, ending)]


def _telling(readers: ScriptedReaders, ending: Ending) -> Iterator[str]:
    wanted, got = tales(readers, ending.put_off), counted(ending.told)
    ids = Counter(one["id"] for one in ending.told)
    if twice := [id for id, number in ids.items() if number > 1]:
        yield f"{len(twice)} events were told twice, such as {twice[0]}"
    for words, difference in (("not told", wanted - got), ("told but not expected", got - wanted)):
        if difference:
            kind, to = next(iter(difference))
            yield f"{difference.total()} events {words}, such as {kind} of {to}"


def _heeding(readers: ScriptedReaders, ending: Ending) -> Iterator[str]:
    if ending.suppressed != suppressed(readers):
        strange = set(ending.suppressed.items()) ^ set(suppressed(readers).items())
        yield f"suppressed otherwise than expected: {', '.join(sorted(address for address, _ in strange))}"
    for name, number in figures(readers).items():
        if ending.figures.get(name, 0) != number:
            yield f"{name} is {ending.figures.get(name, 0)} in the statistics, {number} happened"
    again = [one for one in suppressed(readers) if ending.arrived.get(one, 0) > (one not in GONE)]
    if again:
        yield f"mailed in spite of their suppression: {', '.join(again)}"
    if (number := ending.second["counts"]["suppressed"]) != len(suppressed(readers)):
        yield f"the second batch left out {number}, not {len(suppressed(readers))}"
