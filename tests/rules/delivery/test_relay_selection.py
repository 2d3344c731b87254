from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.relay_selection import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    WELL,
    Backoff,
    Choice,
    Nobody,
    RelayConnectivity,
    after_failure,
    choose_relay,
    closed_for,
    connections_wanted,
)

DOWN = Backoff(failures=1, failed_at=90, until=110)
NOW = 100.0


def choose_often(standings, times):
    chosen = []
    for _ in range(times):
        choice = choose_relay(standings, NOW)
        assert isinstance(choice, Choice)
        standings = [replace(s, credit=c) for s, c in zip(standings, choice.credits, strict=True)]
        chosen.append(choice.index)
    return chosen


def test_relays_take_turns_by_weight():
    assert choose_often([RelayConnectivity(weight=3), RelayConnectivity(weight=1)], 8) == [
        0,
        0,
        1,
        0,
        0,
        0,
        1,
        0,
    ]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 20))
def test_over_whole_rounds_the_shares_are_exact(weights, rounds):
    chosen = Counter(choose_often([RelayConnectivity(weight=w) for w in weights], sum(weights) * rounds))
    assert [chosen[i] for i in range(len(weights))] == [w * rounds for w in weights]


def test_a_relay_that_failed_is_left_out_until_its_pause_ends():
    assert choose_often([RelayConnectivity(backoff=DOWN), RelayConnectivity()], 3) == [1, 1, 1]
    assert choose_relay([RelayConnectivity(backoff=DOWN)], NOW) is Nobody.DOWN
    assert isinstance(choose_relay([RelayConnectivity(backoff=DOWN)], 110), Choice)


def test_after_a_failure_one_connection_tries_first():
    recovering = RelayConnectivity(backoff=replace(DOWN, until=NOW), opening=1)
    assert choose_relay([recovering], NOW) is Nobody.BUSY
    assert isinstance(choose_relay([replace(recovering, opening=0)], NOW), Choice)


def test_an_idle_connection_serves_though_no_new_one_may_be_opened():
    assert isinstance(choose_relay([RelayConnectivity(backoff=DOWN, idle=1)], NOW), Choice)


def test_at_the_limit_one_waits():
    full = RelayConnectivity(max_connections=3, busy=2, opening=1)
    assert choose_relay([full], NOW) is Nobody.BUSY
    assert choose_relay([full, RelayConnectivity()], NOW) == Choice(1, (0, 0))


@pytest.mark.parametrize("useless", [RelayConnectivity(weight=0), RelayConnectivity(max_connections=0)])
def test_a_relay_without_weight_or_connections_is_never_chosen(useless):
    assert choose_relay([useless], NOW) is Nobody.DOWN
    assert choose_relay([], NOW) is Nobody.DOWN
    assert connections_wanted(100, [useless], NOW) == 1


def test_the_pause_doubles_up_to_a_limit():
    backoff, pauses = WELL, []
    for n in range(40):
        began = backoff.until if n else 0.0
        backoff = after_failure(backoff, began=began, now=began + 1, jitter=0)
        pauses.append(backoff.until - backoff.failed_at)
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


def test_attempts_side_by_side_fail_as_one():
    first = after_failure(WELL, began=10, now=11, jitter=0)
    assert after_failure(first, began=10, now=12, jitter=0) == first


@given(st.floats(0, 1))
def test_jitter_shortens_the_pause_by_half_at_most(jitter):
    backoff = after_failure(WELL, began=0, now=0, jitter=jitter)
    assert FIRST_PAUSE / 2 <= backoff.until <= FIRST_PAUSE


@pytest.mark.parametrize(("messages", "connections"), [(1, 1), (5, 1), (6, 2), (48, 10), (1000, 10)])
def test_a_connection_is_opened_for_some_messages_not_for_one(messages, connections):
    assert connections_wanted(messages, [RelayConnectivity()], NOW) == connections


def test_no_more_connections_than_keep_the_weights():
    heavy, light = (
        RelayConnectivity(weight=3, max_connections=6),
        RelayConnectivity(weight=1, max_connections=6),
    )
    assert connections_wanted(1000, [heavy, light], NOW) == 8
    assert connections_wanted(1000, [replace(heavy, backoff=DOWN), light], NOW) == 6


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1)), max_size=200))
def test_a_dead_relay_hears_of_few_attempts_a_minute_however_much_is_to_be_sent(attempts):
    """Each attempt begins as soon as it may, and takes some time to fail."""
    now, backoff, began = 0.0, WELL, []
    for takes, jitter in attempts:
        now = max(now, backoff.until)
        began.append(now)
        backoff = after_failure(backoff, began=now, now=now + takes, jitter=jitter)
        now += takes
    assert all(len([at for at in began if start <= at < start + 60]) <= 8 for start in began)
    assert all(after - before >= LONGEST_PAUSE / 2 for before, after in pairwise(began[6:]))


def test_a_pool_is_closed_until_the_first_of_its_relays_may_be_tried():
    later = replace(DOWN, until=130)
    assert closed_for([RelayConnectivity(backoff=DOWN), RelayConnectivity(backoff=later)], NOW) == 10
    assert (
        closed_for([RelayConnectivity(backoff=DOWN, weight=0), RelayConnectivity(backoff=later)], NOW) == 30
    )
    assert closed_for([RelayConnectivity(backoff=DOWN)], 110) == 0
    assert closed_for([], NOW) == LONGEST_PAUSE


@pytest.mark.parametrize("serving", [{"busy": 1}, {"opening": 1}, {"idle": 1}])
def test_a_pool_with_a_connection_is_open(serving):
    assert closed_for([RelayConnectivity(backoff=DOWN, **serving)], NOW) == 0
