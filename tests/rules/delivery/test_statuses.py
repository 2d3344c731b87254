"""The one table that decides what may follow what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.statuses import BY_MARK, MARKS, TRANSITIONS, UNFINISHED, Status, may_become

ENDS = (Status.COMPLAINED, Status.SUPPRESSED, Status.FAILED, Status.CANCELLED)
HANDED_OVER = (Status.SENT, Status.DELIVERED, Status.BOUNCED, *ENDS)


def test_every_status_has_its_row_and_a_mark_of_its_own():
    assert set(TRANSITIONS) == set(MARKS) == set(Status)
    assert len(set(MARKS.values())) == len(Status)
    assert all(len(mark) == 1 and BY_MARK[mark] is status for status, mark in MARKS.items())
    assert all(status.mark == MARKS[status] for status in Status)


@pytest.mark.parametrize("end", ENDS)
def test_what_has_ended_stays_as_it_is(end):
    assert not any(may_become(end, status) for status in Status)


def test_nobody_is_sent_to_without_having_waited():
    assert {now for now in Status if may_become(now, Status.SENDING)} == {Status.QUEUED, Status.DEFERRED}


def test_a_repeated_report_changes_nothing():
    assert not any(may_become(status, status) for status in Status)


def test_a_soft_bounce_that_comes_after_the_complaint_changes_nothing():
    assert not may_become(Status.COMPLAINED, Status.BOUNCED)


@given(st.lists(st.sampled_from(Status)))
def test_in_any_order_of_reports_nobody_who_was_handed_over_waits_again(reports):
    """`deferred` after `sent` is the relay's own waiting; the worker's is never begun again."""
    now, handed_over = Status.QUEUED, False
    for then in reports:
        if may_become(now, then):
            now = then
        handed_over = handed_over or now in HANDED_OVER
        assert not (handed_over and now is Status.QUEUED)


@given(st.lists(st.sampled_from(Status)), st.lists(st.sampled_from(Status)))
def test_what_is_finished_is_never_unfinished_by_what_a_worker_may_record(before, after):
    worker = set(Status) - {Status.DEFERRED, Status.QUEUED}
    now = Status.QUEUED
    for then in before:
        now = then if may_become(now, then) else now
    if now in UNFINISHED:
        return
    for then in after:
        if then in worker and may_become(now, then):
            now = then
            assert now not in UNFINISHED
