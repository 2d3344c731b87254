"""Figures of a day against a recount by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.mailbox_providers import SIMULATOR
from warmpost.rules.delivery.progress import Detail, Note, Progress, carry
from warmpost.rules.delivery.statuses import MARKS, Status
from warmpost.rules.events.day_counters import Circumstances, count_outcomes, not_booked

DAYS = ("2026-11-23", "2026-11-24")
PROVIDERS = ("gmail", "other", SIMULATOR)
FIGURES = (
    *("attempted", "delivered", "accepted_unreported", "bounced", "hard_bounced_unknown", "spam_bounced"),
    *("tracked_delivered", "returned", "settled"),
)
WORDS = {
    "unknown": (550, "5.1.1", "User unknown"),
    "spam": (550, "5.7.1", "Message rejected as spam"),
    "full": (552, "5.2.2", "Mailbox full"),
}
# How a recipient ended, whether a relay was met on the way, what a refusal said.
FATES = [
    (Status.QUEUED, False, ""),
    (Status.SENDING, False, ""),
    (Status.SENT, True, ""),
    (Status.DELIVERED, True, ""),
    (Status.DEFERRED, True, "full"),
    (Status.UNCERTAIN, True, ""),
    *((Status.BOUNCED, True, words) for words in WORDS),
    (Status.BOUNCED, False, ""),
    (Status.SUPPRESSED, False, ""),
    (Status.SUPPRESSED, True, "full"),
    (Status.FAILED, False, ""),
    (Status.CANCELLED, False, ""),
    (Status.CANCELLED, True, "full"),
]

people = st.lists(
    st.tuples(st.sampled_from(FATES), st.sampled_from(PROVIDERS), st.sampled_from(DAYS)), max_size=30
)
circumstances = st.tuples(st.booleans(), st.booleans(), st.booleans())


def progress_of(recipients):
    marks, details, days = "", {}, []
    for position, ((status, tried, words), _, day) in enumerate(recipients):
        marks += MARKS[status]
        code, enhanced_code, text = WORDS.get(words, (0, "", ""))
        if tried or status in (Status.BOUNCED, Status.FAILED):
            details[position] = Detail((Note(0.0, status, text, code, enhanced_code),), int(tried))
        days.append((position, position + 1, day))
    return Progress(marks, details, days=tuple(days))


def recount(recipients, reports, in_batch, tracked):
    """As one would with a pencil."""
    found = {day: Counter() for day in DAYS}
    for (status, tried, words), provider, day in recipients:
        count = found[day]
        if status in (Status.QUEUED, Status.SENDING):
            continue
        count["settled"] += in_batch
        if provider == SIMULATOR:
            count["returned"] += in_batch
            continue
        count["attempted" if tried else "returned"] += 1
        is_there = status is Status.DELIVERED or (status is Status.SENT and not reports)
        count["delivered"] += status is Status.DELIVERED
        count["accepted_unreported"] += status is Status.SENT and not reports
        count["tracked_delivered"] += tracked and is_there
        if status is Status.BOUNCED and tried:
            count["bounced"] += 1
            count["hard_bounced_unknown"] += words == "unknown"
            count["spam_bounced"] += words == "spam"
    return found


def given_to(recipients, reports, in_batch, tracked):
    return Circumstances(lambda position: recipients[position][1], reports, in_batch, tracked)


@given(people, circumstances)
def test_a_tally_is_what_a_recount_by_hand_finds(recipients, known):
    found = count_outcomes(progress_of(recipients), given_to(recipients, *known))
    wanted = recount(recipients, *known)
    for day in DAYS:
        assert {name: found.get(day, {}).get(name, 0) for name in FIGURES} == {
            name: wanted[day][name] for name in FIGURES
        }


@given(people, circumstances)
def test_everybody_of_a_batch_is_attempted_or_comes_back_once_and_then_is_settled(recipients, known):
    reports, _, tracked = known
    found = count_outcomes(progress_of(recipients), given_to(recipients, reports, True, tracked))
    ended = [one for one in recipients if one[0][0] not in (Status.QUEUED, Status.SENDING)]
    for day in DAYS:
        count = Counter(found.get(day, {}))
        assert count["attempted"] + count["returned"] == count["settled"]
        assert count["settled"] == sum(one[2] == day for one in ended)


@given(people, circumstances, st.data())
def test_booked_step_by_step_it_adds_up_to_the_whole(recipients, known, data):
    """The recipients end in any order, some steps are repeated after a crash."""
    whole, given = progress_of(recipients), given_to(recipients, *known)
    order = data.draw(st.permutations(range(len(recipients))))
    booked, total = {}, {day: Counter() for day in DAYS}
    marks = [MARKS[Status.QUEUED]] * len(recipients)
    for position in order:
        marks[position] = whole.results[position]
        now = count_outcomes(replace(whole, results="".join(marks)), given)
        for day, news in not_booked(now, booked).items():
            total[day].update(news)
        assert not_booked(now, now) == {}
        booked = now
    for day in DAYS:
        assert +total[day] == +Counter(count_outcomes(whole, given).get(day, {}))


@given(people, st.data())
def test_who_is_carried_over_counts_on_the_new_day_and_nobody_else_moves(recipients, data):
    progress = progress_of(recipients)
    queued = [place for place, one in enumerate(recipients) if one[0][0] is Status.QUEUED]
    moved = data.draw(st.lists(st.sampled_from(queued), unique=True)) if queued else []
    after = carry(progress, moved, "2026-11-25")
    for place in range(len(recipients)):
        assert after.day(place) == ("2026-11-25" if place in moved else progress.day(place))
    covered = [place for first, end, _ in after.days for place in range(first, end)]
    assert covered == list(range(len(recipients)))
    sent = replace(after, results=after.results.replace(MARKS[Status.QUEUED], MARKS[Status.SENT]))
    count = count_outcomes(sent, Circumstances(lambda _: "other", False, True))
    assert count.get("2026-11-25", {}).get("attempted", 0) == len(moved)
