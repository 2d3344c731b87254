"""What a chunk or message adds to its domain's day, derived from its results and what was reported.

Nothing is counted while it happens: the whole is derived again from what is recorded, and what was not yet booked of it is
booked in the commit that records it. So a crash, a repeated task, a replayed event and a late outcome count once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

from warmpost.rules.bounces.classify import BounceClass, classify_bounce
from warmpost.rules.delivery.mailbox_providers import SIMULATOR
from warmpost.rules.delivery.progress import Detail, Progress
from warmpost.rules.delivery.statuses import BY_MARK, Status
from warmpost.rules.events.reported_status import RANKS, READERS, ReportedStatus, Words, combined

Amounts = Mapping[str, int]
"""Numbers by name: `attempted`, or `by.gmail.sent` for one provider."""

WORKING = (Status.QUEUED, Status.SENDING)


@dataclass(frozen=True, slots=True)
class DayCounters:
    """Messages of one domain and day. returned: reserved but never attempted: suppressed, failed, simulated.

    settled: of batches, attempted or returned; when it reaches what batches reserved, nothing is on its way any more.
    The others as in `reputation.DayFigures`.
    """

    attempted: int = 0
    delivered: int = 0
    accepted_unreported: int = 0
    bounced: int = 0
    hard_bounced_unknown: int = 0
    spam_bounced: int = 0
    complained: int = 0
    tracked_delivered: int = 0
    opened: int = 0
    returned: int = 0
    settled: int = 0

    def __add__(self, other: DayCounters) -> DayCounters:
        return DayCounters(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What counting needs to know beside the results.

    provider: of a recipient by position, `simulator` for one that no mail leaves for. reports: the relays tell later what
    was delivered. in_batch: volume was reserved for whole stretches, simulated recipients included. tracked: opens count.
    judge: what a refusal was about.
    """

    provider: Callable[[int], str]
    reports: bool
    in_batch: bool
    tracked: bool = False
    judge: Callable[[Words], BounceClass] = lambda words: classify_bounce(*words[1:])


def count_outcomes(progress: Progress, given: Circumstances) -> dict[str, Amounts]:
    """What the worker's results add, by day of reservation (`progress.days`)."""
    found: dict[str, Counter[str]] = {}
    for first, end, day in progress.days:
        total = found.setdefault(day, Counter())
        for position in range(first, end):
            status = BY_MARK[progress.results[position]]
            if status in WORKING:
                continue
            provider, detail = given.provider(position), progress.details.get(position)
            total[f"by.{provider}.requested"] += 1
            total.update(_shown(provider, status, _last_words(detail), given))
            if provider == SIMULATOR:
                total.update(("returned", "settled") if given.in_batch else ())
            else:
                total.update(_worked(status, detail, given))
    return {day: dict(total) for day, total in found.items()}


def _last_words(detail: Detail | None) -> Words | None:
    if not detail or not detail.notes:
        return None
    note = detail.notes[-1]
    return note.at, note.code, note.enhanced_code, note.text


def _shown(provider: str, status: Status, words: Words | None, given: Circumstances) -> Sequence[str]:
    """The names under which a recipient is counted for people; bounces also by class."""
    name = f"by.{provider}.{status.value}"
    return (name, f"{name}_{_judged(words, given).value}") if status is Status.BOUNCED else (name,)


def _worked(status: Status, detail: Detail | None, given: Circumstances) -> Sequence[str]:
    tried = detail is not None and detail.tries > 0
    settled = ("settled",) if given.in_batch else ()
    match status:
        case Status.SENT | Status.DELIVERED:
            return (*_reached(status, given), "attempted", *settled)
        case Status.DEFERRED | Status.UNCERTAIN | Status.COMPLAINED:
            return ("attempted", *settled)
        case Status.BOUNCED if detail and tried:
            return (*_bounced(_last_words(detail), given), "attempted", *settled)
        case _:
            return ("attempted" if tried else "returned", *settled)


def _reached(status: Status, given: Circumstances) -> Sequence[str]:
    """A relay that reports nothing has delivered as far as anybody can know."""
    if status is Status.SENT and given.reports:
        return ()
    name = "delivered" if status is Status.DELIVERED else "accepted_unreported"
    return (name, "tracked_delivered") if given.tracked else (name,)


def _judged(words: Words | None, given: Circumstances) -> BounceClass:
    return given.judge(words or (0.0, 0, "", ""))


def _bounced(words: Words | None, given: Circumstances) -> Sequence[str]:
    found = _judged(words, given)
    names = ["bounced"]
    if found.counts_as_unknown:
        names.append("hard_bounced_unknown")
    if found.counts_as_spam:
        names.append("spam_bounced")
    return names


def count_reports(progress: Progress, reported: ReportedStatus, given: Circumstances) -> dict[str, Amounts]:
    """What reports change of the worker's counters, by day: for every recipient the difference to its base."""
    found: dict[str, Counter[str]] = {}
    for first, end, day in progress.days:
        total = found.setdefault(day, Counter())
        for position in _touched(reported, first, end):
            base = BY_MARK[progress.results[position]]
            provider, now = given.provider(position), combined(base, reported, position)
            if now is not base:
                said = _last_words(progress.details.get(position)), reported.notes.get(position)
                total.subtract(_shown(provider, base, said[0], given))
                total.update(_shown(provider, now, said[1], given))
                if provider != SIMULATOR:
                    total.subtract(_outcome(base, said[0], given))
                    total.update(_outcome(now, said[1], given))
            for reader in READERS:
                if reported.did(reader, position):
                    total[f"by.{provider}.{reader}"] += 1
                    total[f"by.{provider}.{reader}_total"] += reported.readers[reader][position]
                    if reader == "opened" and provider != SIMULATOR and given.tracked:
                        total["opened"] += 1
    return {day: {name: n for name, n in total.items() if n} for day, total in found.items()}


def _touched(reported: ReportedStatus, first: int, end: int) -> list[int]:
    acted = set().union(*reported.readers.values()) if reported.readers else set()
    return [
        position
        for position in range(first, end)
        if RANKS[reported.marks[position]] is not None or position in acted
    ]


def _outcome(status: Status, words: Words | None, given: Circumstances) -> Sequence[str]:
    match status:
        case Status.SENT | Status.DELIVERED:
            return _reached(status, given)
        case Status.COMPLAINED:
            return (*_reached(Status.DELIVERED, given), "complained")
        case Status.BOUNCED:
            return _bounced(words, given)
        case _:
            return ()


def not_booked(now: Mapping[str, Amounts], booked: Mapping[str, Amounts]) -> dict[str, Amounts]:
    """What is new, by day; days without news are left out."""
    news: dict[str, Amounts] = {}
    for day in now.keys() | booked.keys():
        before, after = booked.get(day, {}), now.get(day, {})
        change = {name: after.get(name, 0) - before.get(name, 0) for name in after.keys() | before.keys()}
        if any(change.values()):
            news[day] = {name: amount for name, amount in change.items() if amount}
    return news
