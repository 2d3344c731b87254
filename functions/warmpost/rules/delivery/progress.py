"""How far a chunk or a message is: who works on it, what became of each recipient, and every change of that.

A worker writes its claim before it opens a socket and the results with its next claim. The claim is part of the
result string (`sending`), so after a crash the string itself says which recipients are in doubt: nobody has
to guess from clocks or logs. All functions here are pure; a change is a new value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from warmpost.rules.delivery.statuses import BY_MARK, MARKS, UNFINISHED, Status, may_become
from warmpost.rules.model.compression import deflate, inflate

OnUncertain = Literal["hold", "resend"]
MOST_NOTES = 20


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that happened to a recipient. at: epoch seconds. text: the relay's words, or ours."""

    at: float
    status: Status
    text: str = ""
    code: int = 0
    enhanced_code: str = ""
    relay: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What a plain result character cannot say. tries: hand-overs so far. since: of the first deferral, or 0."""

    notes: tuple[Note, ...] = ()
    tries: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """results: one `Status.mark` a recipient. details: by position, only where there is more to say.

    times: when stretches of recipients were handed over, as (first, end, epoch seconds).
    days: stretches of recipients with the day on which their volume was reserved. booked: what of their counters is in
    that day's figures already, by day and name.
    owner, lease_until: the worker at it, epoch seconds; the lease is void once it has passed.
    round: counts the follow-up tasks. retry_at: when the next one is due, epoch seconds, 0 for none.
    stalled_since: since when no relay of the pool takes mail, 0 if one does; stalled_reason: why.
    slowed: which mailbox provider's slowness some wait for, in words.
    """

    results: str
    details: Mapping[int, Detail] = field(default_factory=dict)
    times: tuple[tuple[int, int, float], ...] = ()
    days: tuple[tuple[int, int, str], ...] = ()
    booked: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    owner: str = ""
    lease_until: float = 0.0
    round: int = 0
    retry_at: float = 0.0
    stalled_since: float = 0.0
    stalled_reason: str = ""
    slowed: str = ""

    def status(self, position: int) -> Status:
        return BY_MARK[self.results[position]]

    def positions(self, *wanted: Status) -> list[int]:
        marks = {MARKS[status] for status in wanted}
        return [position for position, mark in enumerate(self.results) if mark in marks]

    def day(self, position: int) -> str:
        """On which a recipient's volume was reserved."""
        return next((day for first, end, day in self.days if first <= position < end), "")

    @property
    def counts(self) -> dict[str, int]:
        return {status.value: self.results.count(mark) for status, mark in MARKS.items()}

    @property
    def is_finished(self) -> bool:
        return not any(MARKS[status] in self.results for status in UNFINISHED)

    def sent_at(self, position: int) -> float:
        return next((at for first, end, at in reversed(self.times) if first <= position < end), 0.0)


def begin(count: int) -> Progress:
    return Progress(results=MARKS[Status.QUEUED] * count)


def claim(progress: Progress, positions: Iterable[int], owner: str, lease_until: float) -> Progress:
    marks = list(progress.results)
    for position in positions:
        marks[position] = MARKS[Status.SENDING]
    return replace(progress, results="".join(marks), owner=owner, lease_until=lease_until)


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one recipient's turn. note: None where the character says it all.

    tried: whether it cost one of the recipient's tries.
    """

    status: Status
    note: Note | None = None
    tried: bool = True


def record(progress: Progress, results: Mapping[int, Result], at: float) -> Progress:
    """Results of claimed or waiting recipients; what the transition table forbids changes nothing."""
    marks = list(progress.results)
    details = dict(progress.details)
    handed: list[int] = []
    for position, result in results.items():
        if not may_become(BY_MARK[marks[position]], result.status):
            continue
        marks[position] = MARKS[result.status]
        detail = _noted(details.get(position), result, at)
        if detail is not None:
            details[position] = detail
        if result.status in (Status.SENT, Status.DELIVERED, Status.UNCERTAIN):
            handed.append(position)
    return replace(
        progress, results="".join(marks), details=details, times=(*progress.times, *_stretches(handed, at))
    )


def _noted(detail: Detail | None, result: Result, at: float) -> Detail | None:
    if detail is None and result.note is None:
        return None
    before = detail or Detail()
    since = before.since
    if result.status is Status.DEFERRED and not since:
        since = at
    notes = before.notes + ((result.note,) if result.note else ())
    return Detail(notes[-MOST_NOTES:], before.tries + result.tried, since)


def _stretches(positions: list[int], at: float) -> list[tuple[int, int, float]]:
    found: list[tuple[int, int, float]] = []
    for position in sorted(positions):
        if found and found[-1][1] == position:
            found[-1] = (found[-1][0], position + 1, at)
        else:
            found.append((position, position + 1, at))
    return found


def reserve(progress: Progress, stretch: range, day: str) -> Progress:
    """Notes on which day the volume of a stretch was reserved; a stretch is noted once."""
    mine = (stretch.start, stretch.stop, day)
    if not stretch or any(first == stretch.start for first, _, _ in progress.days):
        return progress
    return replace(progress, days=(*progress.days, mine))


def carry(progress: Progress, positions: Iterable[int], day: str) -> Progress:
    """With volume of another day for recipients who were not attempted on theirs."""
    moved = frozenset(positions)
    days: list[tuple[int, int, str]] = []
    for first, end, before in progress.days:
        for position in range(first, end):
            now = day if position in moved else before
            if days and days[-1][1:] == (position, now) and position != first:
                days[-1] = (days[-1][0], position + 1, now)
            else:
                days.append((position, position + 1, now))
    return replace(progress, days=tuple(days))


CLOCKS_DIFFER = 60.0
"""Seconds by which the clocks of two workers may differ, at most; a lease is void then whatever the store says."""


def is_leased(
    progress: Progress,
    owner: str,
    now: float,
    unchanged_for: float,
    lease: float,
    margin: float = CLOCKS_DIFFER,
) -> bool:
    """Whether another worker holds it at this moment.

    Judged by how long nothing was written to it by the store's clock: a worker whose own clock is ahead must not take over
    what another is still sending. lease: seconds that a write holds it. margin: see CLOCKS_DIFFER.
    """
    if not progress.owner or progress.owner == owner or progress.lease_until <= 0.0:
        return False
    return unchanged_for < lease and now < progress.lease_until + margin


def take_over(progress: Progress, policy: OnUncertain, at: float) -> Progress:
    """Settles what a vanished worker left claimed: in doubt, or, by policy, to be sent again."""
    left = progress.positions(Status.SENDING)
    if not left:
        return replace(progress, owner="", lease_until=0.0)
    reason = "the worker ended between claiming this message and recording the relay's answer"
    note = Note(at, Status.UNCERTAIN, reason)
    results = {position: Result(_verdict(progress, position, policy), note) for position in left}
    return replace(record(progress, results, at), owner="", lease_until=0.0)


def _verdict(progress: Progress, position: int, policy: OnUncertain) -> Status:
    if policy == "hold":
        return Status.UNCERTAIN
    detail = progress.details.get(position)
    return Status.DEFERRED if detail and detail.since else Status.QUEUED


SETTLING = (Status.SENT, Status.DELIVERED, Status.BOUNCED, Status.DEFERRED, Status.QUEUED)
"""What a worker may know of a message that is shown as uncertain."""


def settle_own(progress: Progress, results: Mapping[int, Result], at: float) -> Progress:
    """A worker that lost its lease still knows the truth of what it handed over: doubts become results.

    Whom the relay put off, or was never told of, is tried again as anybody who is deferred.
    """
    mine = {
        position: replace(result, status=Status.DEFERRED) if result.status is Status.QUEUED else result
        for position, result in results.items()
        if progress.status(position) is Status.UNCERTAIN and result.status in SETTLING
    }
    return record(progress, mine, at)


def pack_details(progress: Progress) -> bytes:
    """Details and times in one deflated field, which Firestore stores without looking into it."""
    return deflate(
        {
            "times": [list(one) for one in progress.times],
            "days": [list(one) for one in progress.days],
            "booked": progress.booked,
            "by": {str(position): _detail_row(detail) for position, detail in progress.details.items()},
        }
    )


def unpack_details(progress: Progress, packed: bytes) -> Progress:
    """The progress with what `pack_details` put aside."""
    if not packed:
        return progress
    raw: dict[str, Any] = inflate(packed)
    return replace(
        progress,
        details={int(position): _detail(row) for position, row in raw["by"].items()},
        times=tuple((first, end, at) for first, end, at in raw["times"]),
        days=tuple((first, end, day) for first, end, day in raw["days"]),
        booked=raw["booked"],
    )


def _detail_row(detail: Detail) -> list[Any]:
    notes = [[n.at, MARKS[n.status], n.text, n.code, n.enhanced_code, n.relay] for n in detail.notes]
    return [detail.tries, detail.since, notes]


def _detail(row: list[Any]) -> Detail:
    tries, since, notes = row
    return Detail(tuple(Note(at, BY_MARK[mark], *rest) for at, mark, *rest in notes), tries, since)
