"""What a chunk's string of marks says after any history: everybody in one state, nobody forgotten."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.progress import (
    MOST_NOTES,
    Note,
    Result,
    begin,
    claim,
    is_leased,
    record,
    reserve,
    settle_own,
    take_over,
)
from warmpost.rules.delivery.statuses import UNFINISHED, Status, may_become
from warmpost.rules.delivery.stored_progress import load_progress, store_progress

COUNT = 6
positions = st.sets(st.integers(0, COUNT - 1))
moments = st.floats(0, 2e9, allow_nan=False)
notes = st.none() | st.builds(
    Note,
    moments,
    st.sampled_from(Status),
    st.text('a"é漢', max_size=5),
    st.integers(0, 599),
    st.just("5.1.1"),
)
results = st.dictionaries(
    st.integers(0, COUNT - 1), st.builds(Result, st.sampled_from(Status), notes, st.booleans())
)
steps = st.one_of(
    st.tuples(st.just("claim"), positions, st.sampled_from("ab"), moments),
    st.tuples(st.just("record"), results, moments),
    st.tuples(st.just("take over"), st.sampled_from(["hold", "resend"]), moments),
    st.tuples(st.just("settle"), results, moments),
    st.tuples(st.just("reserve"), st.integers(0, 3), st.integers(3, COUNT), st.sampled_from(["d1", "d2"])),
)


def after(progress, step):
    match step:
        case ("claim", wanted, owner, until):
            waiting = [p for p in wanted if may_become(progress.status(p), Status.SENDING)]
            return claim(progress, waiting, owner, until)
        case ("record", found, at):
            return record(progress, found, at)
        case ("take over", policy, at):
            return take_over(progress, policy, at)
        case ("settle", found, at):
            return settle_own(progress, found, at)
        case ("reserve", first, end, day):
            return reserve(progress, range(first, end), day)


@given(st.lists(steps, max_size=12))
def test_after_any_history_everybody_is_in_one_state_reached_by_the_table(history):
    progress = begin(COUNT)
    for step in history:
        before, progress = progress, after(progress, step)
        assert len(progress.results) == COUNT
        assert sum(progress.counts.values()) == COUNT
        for position in range(COUNT):
            was, now = before.status(position), progress.status(position)
            assert was is now or may_become(was, now)
        finished = all(progress.status(one) not in UNFINISHED for one in range(COUNT))
        assert progress.is_finished is finished


@given(st.lists(steps, max_size=12))
def test_what_is_stored_is_what_is_loaded(history):
    progress = begin(COUNT)
    for step in history:
        progress = after(progress, step)
    progress = replace(progress, round=2, retry_at=3.5, stalled_since=1.25)
    stored = store_progress(progress, 7)
    assert load_progress(stored, COUNT) == progress
    assert stored.counts == progress.counts
    assert (stored.finished, stored.seq) == (progress.is_finished and not progress.owner, 7)


def test_what_was_never_stored_is_a_beginning():
    assert load_progress(None, 4) == begin(4)
    assert store_progress(begin(4), 0).details == b""


@given(st.lists(steps, max_size=12), st.sampled_from(["hold", "resend"]), moments)
def test_who_takes_over_leaves_nobody_sending_and_the_lease_free(history, policy, at):
    progress = begin(COUNT)
    for step in history:
        progress = after(progress, step)
    claimed = progress.positions(Status.SENDING)
    taken = take_over(progress, policy, at)
    assert not taken.positions(Status.SENDING)
    assert (taken.owner, taken.lease_until) == ("", 0.0)
    for position in claimed:
        ends = {Status.UNCERTAIN} if policy == "hold" else {Status.QUEUED, Status.DEFERRED}
        assert taken.status(position) in ends
        assert "worker ended" in taken.details[position].notes[-1].text
    untouched = set(range(COUNT)) - set(claimed)
    assert all(taken.status(one) is progress.status(one) for one in untouched)
    assert take_over(taken, policy, at) == taken


def test_who_was_deferred_before_waits_for_another_try_after_a_crash():
    progress = claim(begin(2), [0, 1], "a", 1.0)
    progress = record(progress, {0: Result(Status.DEFERRED, Note(1.0, Status.DEFERRED))}, 1.0)
    taken = take_over(claim(progress, [0], "a", 2.0), "resend", 3.0)
    assert [taken.status(0), taken.status(1)] == [Status.DEFERRED, Status.QUEUED]
    assert taken.details[0].since == 1.0


def test_who_lost_the_lease_settles_doubts_and_nothing_else():
    progress = take_over(claim(begin(4), [0, 1, 2], "a", 1.0), "hold", 2.0)
    known = dict.fromkeys(range(4), Result(Status.SENT)) | {2: Result(Status.QUEUED, tried=False)}
    settled = settle_own(progress, known, 3.0)
    assert settled.results == "sst.", "who was never told of is tried again"
    assert settle_own(settled, known, 4.0) == settled


@pytest.mark.parametrize(
    ("owner", "now", "unchanged_for", "held"),
    [
        ("b", 9.9, 1.0, True),
        ("b", 35.0, 14.9, True),  # its own clock is 25 seconds ahead
        ("b", 69.9, 1.0, True),
        ("b", 70.0, 1.0, False),  # more than clocks can differ
        ("b", 9.9, 15.0, False),
        ("b", -15.0, 15.0, False),  # its own clock is 25 seconds behind
        ("a", 9.9, 1.0, False),
    ],
)
def test_a_lease_keeps_others_away_until_it_is_over_by_the_clock_of_the_store(
    owner, now, unchanged_for, held
):
    progress = claim(begin(1), [0], "a", 10.0)
    assert is_leased(progress, owner, now, unchanged_for, 15.0) is held


def test_nobody_holds_what_was_given_back_or_never_taken():
    assert not is_leased(begin(1), "b", 0.0, 0.0, 15.0)
    assert not is_leased(claim(begin(1), [0], "a", 0.0), "b", 0.0, 0.0, 15.0)


def test_it_is_known_when_somebody_was_handed_over():
    progress = claim(begin(5), [0, 1, 2, 4], "a", 1.0)
    progress = record(progress, {n: Result(Status.SENT) for n in (0, 1, 4)}, 7.0)
    assert progress.times == ((0, 2, 7.0), (4, 5, 7.0))
    assert [progress.sent_at(n) for n in range(5)] == [7.0, 7.0, 0.0, 0.0, 7.0]


def test_tries_are_counted_from_the_first_note_and_the_first_deferral_is_kept():
    put_off = Result(Status.DEFERRED, Note(1.0, Status.DEFERRED))
    progress = record(claim(begin(1), [0], "a", 1.0), {0: put_off}, 5.0)
    progress = record(claim(progress, [0], "a", 1.0), {0: put_off}, 9.0)
    not_tried = Result(Status.DEFERRED, None, tried=False)
    progress = record(claim(progress, [0], "a", 1.0), {0: not_tried}, 11.0)
    assert (progress.details[0].tries, progress.details[0].since) == (2, 5.0)


def test_history_keeps_the_latest_notes():
    progress = begin(1)
    for n in range(MOST_NOTES + 5):
        note = Note(float(n), Status.DEFERRED)
        progress = record(claim(progress, [0], "a", 1.0), {0: Result(Status.DEFERRED, note)}, float(n))
    kept = progress.details[0].notes
    assert [note.at for note in kept] == [float(n) for n in range(5, MOST_NOTES + 5)]


def test_a_stretch_is_reserved_once_however_often_its_task_comes():
    progress = reserve(reserve(begin(6), range(0, 3), "d1"), range(0, 3), "d2")
    progress = reserve(reserve(progress, range(3, 6), "d2"), range(0, 0), "d3")
    assert progress.days == ((0, 3, "d1"), (3, 6, "d2"))
