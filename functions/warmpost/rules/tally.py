"""What a chunk or message adds to its domain's day, derived from its progress.

Nothing is counted while it happens: the whole tally is derived again from the results, and what was not yet booked of it
is booked in the commit that records them. So a crash, a repeated task and a late outcome count once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from warmpost.rules.bounces import names_spam_or_policy, names_unknown_user
from warmpost.rules.progress import Detail, Progress
from warmpost.rules.statuses import BY_MARK, Status


@dataclass(frozen=True, slots=True)
class Tally:
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

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def __sub__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, each.name) - getattr(other, each.name) for each in fields(self)))

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


_ATTEMPTED = Tally(attempted=1)
_ACCEPTED = Tally(attempted=1, accepted_unreported=1)
_DELIVERED = Tally(attempted=1, delivered=1)
_RETURNED = Tally(returned=1)
_NOTHING = Tally()


def tally(
    progress: Progress, is_simulated: Callable[[int], bool], reports: bool, in_batch: bool
) -> dict[str, Tally]:
    """By day of reservation (`progress.days`). reports: the relays tell later what was delivered.

    A batch reserves for whole stretches, simulated recipients included; a single send for real ones only.
    """
    simulated = _RETURNED if in_batch else _NOTHING
    found: dict[str, Tally] = {}
    for first, end, day in progress.days:
        total = _NOTHING
        for position in range(first, end):
            status = BY_MARK[progress.results[position]]
            if status in (Status.QUEUED, Status.SENDING):
                continue
            detail = progress.details.get(position)
            total += simulated if is_simulated(position) else _one(status, detail, reports)
        if in_batch:
            total += Tally(settled=total.attempted + total.returned)
        found[day] = found.get(day, _NOTHING) + total
    return found


def _one(status: Status, detail: Detail | None, reports: bool) -> Tally:
    match status:
        case Status.SENT:
            return _ATTEMPTED if reports else _ACCEPTED
        case Status.DELIVERED:
            return _DELIVERED
        case Status.COMPLAINED:
            return _DELIVERED + Tally(complained=1)
        case Status.DEFERRED | Status.UNCERTAIN:
            return _ATTEMPTED
        case Status.BOUNCED if detail and detail.tries:
            note = detail.notes[-1]
            return Tally(
                attempted=1,
                bounced=1,
                hard_bounced_unknown=int(names_unknown_user(note)),
                spam_bounced=int(names_spam_or_policy(note)),
            )
        case _:
            return _ATTEMPTED if detail and detail.tries else _RETURNED


def not_booked(now: Mapping[str, Tally], booked: Mapping[str, Tally]) -> dict[str, Tally]:
    """What is new, by day; days without news are left out."""
    news = {day: total - booked.get(day, _NOTHING) for day, total in now.items()}
    return {day: change for day, change in news.items() if change}
