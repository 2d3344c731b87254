from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.model.relays import Relay
from warmpost.rules.warmup.daily_cap import (
    Allowance,
    DayVolume,
    Pause,
    calendar_day,
    decide_release,
    decide_single,
    pool_cap,
    reserve_ahead,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
DAY = calendar_day(NOW, BERLIN)
HOURS_24 = timedelta(hours=24)


def used(cap, reserved=0, returned=0):
    return Allowance(cap, DayVolume(reserved, returned))


def test_what_fits_is_released_without_a_pause():
    release = decide_release(500, used(500), NOW, DAY)
    assert (release.granted, release.pause, release.resume_at) == (500, None, None)
    assert release.reason == "500 released, 500 of 500 today"


def test_the_message_beyond_the_cap_pauses_for_exactly_24_hours():
    release = decide_release(501, used(500), NOW, DAY)
    assert release.granted == 500
    assert release.pause == Pause(until=NOW + HOURS_24, began=NOW, cap=500)
    assert release.resume_at == NOW + HOURS_24
    assert release.reason == (
        "500 released, 500 of 500 today; domain cap reached, paused until 2026-03-03T14:30:00Z"
    )


def test_a_pause_holds_until_its_last_second_and_past_midnight():
    pause = Pause(NOW + HOURS_24, NOW, 500)
    for before in (timedelta(seconds=1), timedelta(hours=10)):
        moment = NOW + HOURS_24 - before
        release = decide_release(500, used(500), moment, calendar_day(moment, BERLIN), pause=pause)
        assert (release.granted, release.pause) == (0, pause)
    moment = NOW + HOURS_24
    release = decide_release(500, used(500), moment, calendar_day(moment, BERLIN), pause=pause)
    assert (release.granted, release.pause) == (500, None)


def test_a_raised_cap_lifts_the_pause_at_once():
    pause = Pause(NOW + HOURS_24, NOW, 500)
    later = NOW + timedelta(minutes=5)
    release = decide_release(800, used(1000, reserved=500), later, DAY, pause=pause)
    assert release.granted == 500
    assert release.pause == Pause(later + HOURS_24, later, 1000)


def test_a_raised_cap_that_leaves_no_room_does_not_move_the_pause():
    pause = Pause(NOW + HOURS_24, NOW, 100)
    release = decide_release(800, used(200, reserved=500), NOW, DAY, pause=pause)
    assert (release.granted, release.pause) == (0, pause)


def test_volume_that_comes_back_on_the_day_of_the_pause_lifts_it():
    pause = Pause(NOW + HOURS_24, NOW, 500)
    release = decide_release(80, used(500, reserved=500, returned=100), NOW, DAY, pause=pause)
    assert (release.granted, release.pause) == (80, None)


def test_returned_volume_is_released_again_but_never_more_than_the_cap():
    assert decide_release(200, used(500, reserved=500, returned=30), NOW, DAY).granted == 30
    assert decide_release(900, used(500, reserved=0, returned=30), NOW, DAY).granted == 500


def test_a_cap_lowered_below_what_was_used_releases_nothing():
    assert decide_release(5, used(100, reserved=500), NOW, DAY).granted == 0


def test_no_cap_means_no_pause():
    release = decide_release(2_000_000, used(None), NOW, DAY)
    assert (release.granted, release.reason) == (2_000_000, "2,000,000 released, no cap")


def test_warm_up_switched_off_lifts_a_pause():
    assert decide_release(7, used(None), NOW, DAY, pause=Pause(NOW + HOURS_24, NOW, 500)).granted == 7


def test_of_domain_and_pool_the_smaller_room_holds():
    release = decide_release(900, used(500), NOW, DAY, pool=used(1000, reserved=700))
    assert (release.granted, release.pause) == (300, Pause(NOW + HOURS_24, NOW, 1000, of="pool"))
    assert decide_release(900, used(None), NOW, DAY, pool=used(200)).granted == 200
    assert decide_release(900, used(500), NOW, DAY, pool=used(None)).granted == 500


def test_a_raised_domain_cap_does_not_lift_a_pause_of_the_pool():
    pause = Pause(NOW + HOURS_24, NOW, 300, of="pool")
    release = decide_release(900, used(1000), NOW, DAY, pool=used(300, reserved=300), pause=pause)
    assert (release.granted, release.pause) == (0, pause)


def test_a_pool_takes_as_much_as_its_heaviest_relay_may():
    relays = [Relay("a", "a.example", 25, weight=3), Relay("b", "b.example", 25, weight=1)]
    assert pool_cap(300, relays) == 400
    assert pool_cap(300, relays[:1]) == 300
    assert pool_cap(300, []) == 0


def test_a_block_releases_nothing_until_the_day_ends():
    release = decide_release(5, used(500), NOW, DAY, blocked="blocked: B1")
    assert (release.granted, release.reason, release.resume_at) == (0, "blocked: B1", DAY.ends_at)


def test_a_pause_that_outlasts_a_block_still_holds():
    pause = Pause(NOW + HOURS_24, NOW, 500)
    release = decide_release(5, used(500, reserved=500), NOW, DAY, pause=pause, blocked="blocked: B1")
    assert (release.pause, release.resume_at) == (pause, pause.until)


def test_wanting_nothing_changes_nothing():
    assert decide_release(0, used(500, reserved=500), NOW, DAY).pause is None
    assert decide_release(0, used(500), NOW, DAY, blocked="blocked: B1").resume_at is None
    with pytest.raises(ValueError):
        decide_release(-1, used(500), NOW, DAY)


def test_a_pause_that_ends_within_a_day_of_25_hours_waits_for_midnight():
    began = datetime(2026, 10, 25, 0, 10, tzinfo=BERLIN).astimezone(UTC)
    again = began + HOURS_24
    day = calendar_day(again, BERLIN)
    assert day.date == date(2026, 10, 25)
    release = decide_release(9, used(500, 500), again, day, pause=Pause(again, began, 500))
    midnight = datetime(2026, 10, 26, tzinfo=BERLIN)
    assert (release.granted, release.resume_at) == (0, midnight)
    next_day = calendar_day(midnight, BERLIN)
    assert decide_release(9, used(500), midnight, next_day, pause=release.pause).granted == 9


def test_single_sends_fit_whole_or_are_refused_until_midnight():
    assert decide_single(2, used(500, reserved=498), NOW, DAY).admitted
    refused = decide_single(3, used(500, reserved=498), NOW, DAY)
    assert (refused.admitted, refused.code) == (False, "daily_cap_reached")
    assert refused.retry_after == 8 * 3600 + 1800
    assert refused.reason == "498 of the domain's 500 for 2026-03-02 are used, 3 more wanted"


def test_single_sends_are_refused_by_a_full_pool_or_a_block():
    assert decide_single(1, used(500), NOW, DAY, pool=used(9, reserved=9)).code == "daily_cap_reached"
    assert decide_single(1, used(None), NOW, DAY, blocked="blocked: B1").code == "domain_blocked"
    assert decide_single(1, used(None), NOW, DAY).admitted


def test_a_retry_is_at_least_a_second_away():
    last = DAY.ends_at - timedelta(microseconds=1)
    assert decide_single(1, used(0), last, DAY).retry_after == 1


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/Havana", date(2026, 3, 8), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_calendar_day_lasts_as_long_as_the_clocks_say(zone, day, hours):
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    found = calendar_day(noon, ZoneInfo(zone))
    assert found.date == day
    assert found.ends_at - found.starts_at == timedelta(hours=hours)


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Apia", "America/Havana", "Asia/Beirut"]),
)
def test_every_moment_lies_in_its_day_and_days_join(naive, name):
    moment, zone = naive.replace(tzinfo=UTC), ZoneInfo(name)
    day = calendar_day(moment, zone)
    assert day.starts_at <= moment < day.ends_at
    assert calendar_day(day.starts_at, zone) == day
    assert calendar_day(day.ends_at, zone).starts_at == day.ends_at
    assert calendar_day(day.ends_at - timedelta(microseconds=1), zone).ends_at == day.ends_at


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["batch", "single", "return", "wait", "raise", "lower"]), st.integers(0, 1500)
        ),
        max_size=60,
    ),
    st.integers(0, 800),
)
def test_no_interleaving_of_reservations_exceeds_the_cap_or_breaks_a_pause(steps, pool_limit):
    """A domain and its pool, asked by batches and single sends in any order, with returns, waits and changes of cap."""
    now, cap, volume, pool, pause = NOW, 500, DayVolume(), DayVolume(), None
    day = calendar_day(now, BERLIN)
    for kind, number in steps:
        granted = 0
        domain_now, pool_now = Allowance(cap, volume), Allowance(pool_limit, pool)
        if kind == "batch":
            release = decide_release(number, domain_now, now, day, pool=pool_now, pause=pause)
            granted, pause = release.granted, release.pause
            assert 0 <= granted <= number
            assert granted == number or (release.resume_at is not None and release.resume_at > now)
        elif kind == "single":
            granted = number if decide_single(number, domain_now, now, day, pool=pool_now).admitted else 0
        elif kind == "return":
            back = min(number, volume.used, pool.used)
            volume = replace(volume, returned=volume.returned + back)
            pool = replace(pool, returned=pool.returned + back)
        elif kind == "wait":
            now += timedelta(minutes=number)
            if now >= day.ends_at:
                day, volume, pool = calendar_day(now, BERLIN), DayVolume(), DayVolume()
        else:
            cap = cap + number if kind == "raise" else max(cap - number, 0)
        if granted:
            volume = replace(volume, reserved=volume.reserved + granted)
            pool = replace(pool, reserved=pool.reserved + granted)
            assert volume.used <= cap
            assert pool.used <= pool_limit


def reservations(room: int | None, rate: float, seconds: float) -> int:
    """How often one process reserves that sends at a steady rate until the time or the room is over."""
    count, at, left, used, reserved_at = 0, 0.0, 0, 0, -10.0
    while at < seconds and room != 0:
        if left == 0:
            room = None if room is None else room - 1
            ahead = reserve_ahead(room, used, at - reserved_at if count else 0.0)
            room = None if room is None else room - ahead
            assert room is None or room >= 0
            count, left, used, reserved_at = count + 1, ahead + 1, 0, at
        left, used, at = left - 1, used + 1, at + 1 / rate
    return count


@pytest.mark.parametrize(
    ("cap", "seconds"), [(None, 60), (100_000, 60), (10_000, 50), (5_000, 25), (2_000, 10)]
)
def test_reserving_ahead_writes_about_once_a_second_at_200_a_second(cap, seconds):
    assert reservations(cap, 200, seconds) <= seconds + 12


def test_reserving_ahead_at_the_lowest_level_takes_a_dozen_writes_for_its_500():
    assert reservations(500, 200, 60) <= 15


@given(room=st.integers(0, 1_000_000), used=st.integers(0, 10_000), seconds=st.floats(0, 100_000))
def test_reserving_ahead_leaves_half_the_room_and_the_last_message_to_others(room, used, seconds):
    assert 0 <= reserve_ahead(room, used, seconds) <= room // 2


def test_reserving_ahead_takes_a_burst_for_no_rate():
    assert reserve_ahead(10_000, 3, 0.001) == 50
    assert reserve_ahead(1_000, 3, 0.001) == 12
    assert reserve_ahead(1_000, 3, 3600) == 5
