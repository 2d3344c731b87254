from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.envelope import HandOver, Outcome, Reply
from warmpost.rules.delivery.throttling import (
    FREE,
    HALVED_AT_MOST_EVERY,
    LEAST,
    LEAST_TOP,
    MOST_WAIT,
    RECOVERY,
    Limit,
    begin,
    come_back,
    earned,
    is_complaint,
    read_limits,
    served_as,
    share,
    slowed,
    spend,
    wait,
)

rates = st.floats(0.1, 500)
steps = st.lists(
    st.tuples(st.floats(0, 5), st.sampled_from(["send", "send", "send", "complaint"])), max_size=120
)


def postponed(code, enhanced_code, text="slow down"):
    return Outcome(HandOver.POSTPONED, "r", Reply(code, enhanced_code, text))


@given(rates, st.lists(st.floats(0, 3), max_size=150))
def test_a_limit_holds_over_every_stretch_of_time(rate, waits):
    """As many as may go at each moment: never more than a second's worth beyond the rate."""
    pace, now, sent = begin(Limit(rate), 0.0), 0.0, []
    for passed in waits:
        now += passed
        pace = earned(pace, now)
        while wait(pace) == 0:
            pace = spend(pace)
            sent.append(now)
    for first in range(0, len(sent), 7):
        for last in range(first, len(sent), 11):
            assert last - first + 1 <= max(1, rate) + rate * (sent[last] - sent[first]) + 1e-6


@given(st.one_of(st.none(), rates), rates, steps)
def test_the_rate_stays_between_its_least_and_what_it_was_and_ends_there(limit, seen, steps):
    pace, now = begin(Limit(limit) if limit else FREE, 0.0), 0.0
    for passed, what in steps:
        now += passed
        pace = slowed(pace, now, "421", seen) if what == "complaint" else spend(earned(pace, now))
        assert LEAST <= pace.rate <= pace.top or pace.rate == pace.top
    pace = earned(pace, now + RECOVERY)
    assert pace.rate == pace.top
    assert pace.is_free == (limit is None)


def test_a_complaint_halves_the_rate_once_however_many_say_so():
    pace = slowed(begin(Limit(40), 0.0), 10, "421 4.7.0 slow down", 0.0)
    assert (pace.rate, pace.top, pace.why) == (20, 40, "421 4.7.0 slow down")
    assert slowed(pace, 10 + HALVED_AT_MOST_EVERY - 0.1, "again", 0.0).rate < 21
    assert slowed(pace, 10 + HALVED_AT_MOST_EVERY, "again", 0.0).rate < 11


def test_who_had_no_limit_is_halved_from_what_it_was_served_at():
    assert slowed(begin(FREE, 0), 1, "421", 300.0).rate == 150
    assert slowed(begin(FREE, 0), 1, "421", 1.0).rate == LEAST_TOP / 2


def test_without_a_limit_nobody_waits():
    pace = earned(spend(begin(FREE, 0)), 5)
    assert (wait(pace), share(pace, 500), pace.is_free) == (0.0, 500, True)


def test_after_a_complaint_nobody_goes_before_the_next_is_due():
    pace = slowed(begin(FREE, 0), 1, "421", 40)
    assert wait(pace) == pytest.approx(1 / 20)


@given(rates, st.lists(st.integers(1, 500), min_size=1, max_size=50))
def test_those_who_come_again_come_one_after_the_other(rate, crowd):
    pace, turns = begin(Limit(rate), 0.0), []
    for wanted in crowd:
        seconds, pace = come_back(pace, wanted, 0.0)
        turns.append((seconds, share(pace, wanted)))
    assert all(1 <= seconds <= MOST_WAIT for seconds, _ in turns)
    for (at, count), (following, _) in pairwise(turns):
        assert following == MOST_WAIT or following == pytest.approx(at + count / rate)


@pytest.mark.parametrize(
    ("outcome", "complains"),
    [
        (postponed(421, ""), True),
        (postponed(421, "4.7.28", "Our system has detected an unusual rate"), True),
        (postponed(450, "4.7.1", "Message rate of this sender is too high"), True),
        (postponed(451, "4.7.1", "Greylisted, try later"), False),
        (postponed(450, "4.2.1"), False),
        (replace(postponed(421, "4.7.0"), hand_over=HandOver.REFUSED), False),
        (Outcome(HandOver.NOT_TRIED, "r"), False),
    ],
)
def test_which_answers_complain_of_too_much(outcome, complains):
    assert is_complaint(outcome) is complains


def test_domains_of_one_provider_are_served_together_and_others_each_by_themselves():
    assert served_as("a@GoogleMail.com") == served_as("b@gmail.com") == "gmail"
    assert served_as("a@Example.net") == "example.net"


def test_limits_are_read_from_json():
    assert read_limits('{"gmail": {"per_second": 20, "connections": 5}, "*": {"per_second": 0.5}}') == {
        "gmail": Limit(20, 5),
        "*": Limit(0.5, inf),
    }
    assert read_limits("") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "must look like"),
        ('{"gmial": {"per_second": 1}}', "'gmial' is neither a domain"),
        ('{"gmail": {}}', "must have `per_second`"),
        ('{"gmail": {"rate": 1}}', "must have `per_second`"),
        ('{"gmail": {"per_second": 0}}', "must be a number from 0.01"),
        ('{"gmail": {"per_second": true}}', "must be a number from 0.01"),
        ('{"gmail": {"connections": 1.5}}', "must be a whole number"),
        ('{"gmail.com": {"per_second": 1}}', "is served as gmail"),
    ],
)
def test_what_cannot_be_a_limit_is_refused_in_words(text, said):
    with pytest.raises(ValueError, match=said):
        read_limits(text)
