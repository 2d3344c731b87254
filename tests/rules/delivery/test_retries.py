"""When the next try comes, and when there is none."""

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.retries import RetryPlan

plans = st.builds(
    RetryPlan, st.lists(st.floats(1, 1e5), min_size=1, max_size=8).map(tuple), st.floats(1, 1e6)
)


@given(plans, st.integers(-1, 100))
def test_each_try_has_its_delay_and_the_last_delay_repeats(plan, tries):
    if tries <= 1:
        assert plan.delay(tries) == plan.delays[0]
    elif tries >= len(plan.delays):
        assert plan.delay(tries) == plan.delays[-1]
    else:
        assert plan.delay(tries) == plan.delays[tries - 1]


@given(plans, st.integers(1, 100), st.floats(1, 1e9), st.floats(0, 2e6))
def test_once_over_it_stays_over(plan, tries, since, waited):
    if plan.is_over(since, tries, since + waited):
        assert plan.is_over(since, tries, since + waited + 1)
    assert plan.is_over(since, tries, since + plan.give_up + 1)


def test_a_try_at_the_very_end_still_counts_and_one_behind_it_does_not():
    plan = RetryPlan((60,), 600)
    assert not plan.is_over(1000.0, 1, 1540.0)
    assert plan.is_over(1000.0, 1, 1540.1)


def test_who_was_never_put_off_is_not_given_up():
    assert not RetryPlan((60,), 10).is_over(0.0, 5, 1e12)


def test_the_usual_plan_ends_within_a_day():
    plan, at, tries = RetryPlan(), 1000.0, 1
    while not plan.is_over(1000.0, tries, at):
        at += plan.delay(tries)
        tries += 1
    assert at <= 1000.0 + 86400
    assert 8 <= tries <= 14
