"""How often: a burst passes, a flood does not, and whoever waits as long as told gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.requests.token_bucket import Bucket, Rate, fill, seconds_to_wait, take

RATE = Rate(2, 5)


def taken(times, rate=RATE):
    """How many of the askings at these times got a token."""
    bucket, got = None, 0
    for now in times:
        left = take(bucket, rate, now)
        if left is not None:
            bucket, got = left, got + 1
    return got


def test_a_burst_passes_and_no_more():
    assert taken([100.0] * 20) == 5


def test_what_was_taken_comes_back_with_time():
    assert taken([100.0] * 5 + [100.4, 100.5, 101.0, 101.0]) == 7


def test_nothing_is_saved_beyond_a_burst():
    assert taken([100.0, *[10_000.0] * 20]) == 6


def test_a_clock_that_was_set_back_gives_nothing():
    empty = Bucket(0, 1000.0)
    assert fill(empty, RATE, 10.0).level == 0
    assert take(empty, RATE, 10.0) is None


@given(st.lists(st.floats(0, 100), max_size=60).map(sorted))
def test_never_more_than_a_burst_and_what_came_back(times):
    span = times[-1] - times[0] if times else 0
    assert taken(times) <= RATE.burst + span * RATE.a_second + 1e-6


@given(st.floats(0, 5), st.floats(0.01, 1000), st.floats(1, 1000))
def test_who_waits_as_long_as_told_gets_one(level, a_second, burst):
    rate = Rate(a_second, burst)
    bucket = Bucket(min(level, burst), 100.0)
    wait = seconds_to_wait(bucket, rate, 100.0)
    assert (wait == 0) == (take(bucket, rate, 100.0) is not None)
    assert take(bucket, rate, 100.0 + wait + 1e-6) is not None


@pytest.mark.parametrize(("a_second", "limited"), [(0, False), (0.1, True), (200, True)])
def test_zero_is_no_limit(a_second, limited):
    assert Rate(a_second, 10).is_limited == limited
