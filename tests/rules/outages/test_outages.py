"""Outages: who sleeps, for how long, and how rarely a relay that is down is asked."""

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.outages.outages import Sleeper, begin_outage, probe_delay

NOW = 1_000_000.0


def begun():
    return begin_outage(Sleeper("7", 2, "job"), NOW, "turn")


def test_a_batch_sleeps_under_its_generation_and_those_before():
    outage = begun()
    assert [outage.knows("7", generation) for generation in (1, 2, 3)] == [True, True, False]
    assert not outage.knows("8", 0)


def test_another_batch_shares_the_probe():
    outage = begun().with_batch(Sleeper("8", 0, "other"), NOW + 5, "other")
    assert (outage.turn, outage.job, outage.asleep) == ("turn", "job", {"7": 2, "8": 0})


def test_a_batch_whose_tasks_were_made_anew_begins_a_new_chain_and_has_waited_all_along():
    outage = begun().with_batch(Sleeper("7", 3, "other"), NOW + 5, "other")
    assert (outage.turn, outage.job, outage.asleep, outage.waits) == ("other", "other", {"7": 3}, {"7": NOW})


def test_waiting_ends_for_each_batch_by_its_own_time():
    outage = begun().with_batch(Sleeper("8", 0, "other"), NOW + 500, "other")
    assert outage.overdue(NOW + 1000, 1000) == {}
    assert outage.overdue(NOW + 1001, 1000) == {"7": 2}


@given(closed_for=st.floats(0, 60))
def test_an_hour_takes_a_probe_a_minute_and_a_few_more(closed_for):
    now, probes = NOW, 0
    while now < NOW + 3600:
        delay = probe_delay(begun(), now, closed_for)
        assert max(5.0, closed_for) <= delay <= 60
        now, probes = now + delay, probes + 1
    assert probes <= 66
