from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.schedules.schedules import (
    AHEAD,
    LATE,
    MOST_PASSED,
    OVERDUE_AFTER,
    Due,
    check_at,
    counted,
    decide_due,
    is_near,
    passed_runs,
    run_id,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def hours(*numbers):
    return tuple(NOON + timedelta(hours=number) for number in numbers)


def test_of_several_missed_runs_only_the_latest_starts():
    assert decide_due(hours(0, 1, 2), NOON + timedelta(hours=9), "send") == Due(hours(2)[0], hours(0, 1))


@pytest.mark.parametrize(("late", "starts"), [(timedelta(0), True), (LATE, True), (LATE + SECOND, False)])
def test_where_missed_runs_are_skipped_a_run_may_start_five_minutes_late(late, starts):
    due = decide_due(hours(-1, 0), NOON + late, "skip")
    assert due == (Due(NOON, hours(-1)) if starts else Due(None, hours(-1, 0)))


@given(st.lists(st.integers(0, 9999), min_size=1, unique=True).map(sorted), st.sampled_from(["send", "skip"]))
def test_every_due_run_starts_or_is_let_pass_and_never_both(offsets, missed):
    due = hours(*offsets)
    decided = decide_due(due, due[-1] + timedelta(minutes=offsets[0] % 9), missed)
    assert (*decided.passed, *([decided.starts] if decided.starts else [])) == due


@given(st.integers(0, 400))
def test_runs_let_pass_are_all_accounted_for_in_few_entries(number):
    moments = hours(*range(number))
    entries = list(passed_runs(moments, "missed", NOON, "missed", "late"))
    assert sum(entry.runs for entry in entries) == number
    assert len(entries) <= MOST_PASSED + 1
    assert [entry.run for entry in entries] == sorted({entry.run for entry in entries})
    if number > MOST_PASSED:
        assert (entries[0].first, entries[0].run) == (moments[0], moments[number - MOST_PASSED - 1])


def test_a_run_further_ahead_than_tasks_can_be_is_looked_at_when_it_comes_near():
    assert is_near(NOON + AHEAD, NOON)
    assert not is_near(NOON + AHEAD + SECOND, NOON)
    assert check_at(NOON + AHEAD, (), NOON) == NOON + AHEAD + OVERDUE_AFTER
    assert check_at(NOON + AHEAD + SECOND, (), NOON) == NOON + SECOND
    assert check_at(None, (NOON,), NOON) == NOON + OVERDUE_AFTER
    assert check_at(None, (), NOON) is None


def test_runs_are_counted_by_how_they_ended():
    assert counted({"missed": 2}, "missed", 3) == {"missed": 5}
    assert counted({"missed": 2}, "failed") == {"missed": 2, "failed": 1}
    assert counted({}, "skipped", 0) == {}


def test_the_id_of_a_run_is_its_time_in_utc():
    assert run_id(datetime.fromisoformat("2027-03-28T03:00:00+02:00")) == "20270328T010000Z"
