from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.local.cloud_tasks.retries import RETENTION, RetryPolicy

policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 200) | st.just(-1),
    max_retry_duration=st.just(0.0) | st.floats(1, 86400),
    min_backoff=st.floats(0.001, 100),
    max_backoff=st.floats(100, 7200),
    max_doublings=st.integers(0, 100),
)


def test_intervals_double_then_grow_linearly_then_stay():
    # the example in the documentation of RetryConfig.max_doublings
    policy = RetryPolicy(min_backoff=10, max_backoff=300, max_doublings=3)
    assert [policy.interval(attempt) for attempt in range(1, 9)] == [10, 20, 40, 80, 160, 240, 300, 300]


@given(policies, st.integers(1, 5000))
def test_intervals_never_shrink_nor_pass_their_bounds(policy, attempts):
    interval = policy.interval(attempts)
    assert policy.min_backoff <= interval <= policy.interval(attempts + 1) <= policy.max_backoff


def test_attempts_alone_end_a_task_where_no_duration_is_set():
    policy = RetryPolicy(max_attempts=3)
    assert [policy.gives_up(attempts, 0, 0, now=1e6) for attempts in (1, 2, 3)] == [False, False, True]


def test_duration_alone_ends_a_task_where_attempts_are_unlimited():
    policy = RetryPolicy(max_attempts=-1, max_retry_duration=60)
    assert not policy.gives_up(1000, first_attempt=0, created=0, now=59)
    assert policy.gives_up(2, first_attempt=0, created=0, now=60)


def test_where_both_are_set_both_must_be_used_up():
    policy = RetryPolicy(max_attempts=3, max_retry_duration=60)
    assert not policy.gives_up(3, first_attempt=0, created=0, now=59)
    assert not policy.gives_up(2, first_attempt=0, created=0, now=61)
    assert policy.gives_up(3, first_attempt=0, created=0, now=60)


@given(policies, st.integers(1, 5000))
def test_no_task_outlives_its_retention(policy, attempts):
    assert policy.gives_up(attempts, first_attempt=0, created=0, now=RETENTION)


def test_unlimited_retries_go_on_until_then():
    policy = RetryPolicy(max_attempts=-1)
    assert not policy.gives_up(5000, first_attempt=0, created=0, now=RETENTION - 1)
