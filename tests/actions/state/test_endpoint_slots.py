from warmpost.actions.state.endpoint_slots import AT_ONCE, LONGEST, MOST_REMEMBERED, SOONEST, EndpointSlots


def test_an_endpoint_gets_a_few_attempts_at_once_and_the_rest_stand_in_line():
    slots = EndpointSlots()
    assert [slots.enter("a", 0.0) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    waits = [slots.enter("a", 0.0) for _ in range(100)]
    assert waits == sorted(waits)
    assert waits[0] == SOONEST
    assert waits[-1] > 4


def test_another_endpoint_does_not_notice():
    slots = EndpointSlots()
    for _ in range(50):
        slots.enter("a", 0.0)
    assert slots.enter("b", 0.0) == 0.0


def test_a_slow_endpoint_gets_one_attempt_at_a_time_until_it_is_quick_again():
    slots = EndpointSlots()
    slots.enter("a", 0.0)
    slots.leave("a", took=14.0, slowest=14.0)
    assert slots.enter("a", 14.0) == 0.0
    assert slots.enter("a", 14.0) == 14.0
    assert slots.enter("a", 14.0) == 28.0
    slots.leave("a", took=0.1, slowest=0.1)
    assert [slots.enter("a", 50.0) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE


def test_nobody_waits_longer_than_the_longest_wait():
    slots = EndpointSlots()
    slots.enter("a", 0.0)
    slots.leave("a", took=120.0, slowest=15.0)
    slots.enter("a", 0.0)
    assert max(slots.enter("a", 0.0) for _ in range(50)) == LONGEST


def test_endpoints_that_are_idle_are_forgotten():
    slots = EndpointSlots()
    for number in range(MOST_REMEMBERED + 100):
        slots.enter(str(number), 0.0)
        slots.leave(str(number), 0.1, 0.1)
    assert len(slots._known) == MOST_REMEMBERED
