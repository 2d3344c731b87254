from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.requests.wall_time import resolve
from warmpost.rules.schedules.recurrence import Series, missed_runs, next_run, parse_every, runs

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "UTC"]


def no_rule(rule, anchor):
    raise AssertionError("a series without a rule expands none")


def first_runs(series, number):
    return [moment.astimezone(series.timezone) for moment in islice(runs(series, no_rule), number)]


def walls(series, number):
    return [f"{moment:%m-%d %H:%M}" for moment in first_runs(series, number)]


@pytest.mark.parametrize(
    ("value", "hours"), [(1, 1), (36, 36), ("24", 24), ("6h", 6), ("2d", 48), ("1 w", 168)]
)
def test_an_interval_is_hours_or_text(value, hours):
    assert parse_every(value) == hours


@pytest.mark.parametrize("value", [0, -1, True, "", "h", "1.5h", "30m", "1h30", "٣h", 87_841, "999999w"])
def test_an_interval_below_an_hour_or_beyond_ten_years_is_refused(value):
    with pytest.raises(ValueError, match="whole hours"):
        parse_every(value)


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        (BERLIN, datetime(2026, 3, 29, 1, 59), datetime(2026, 3, 29, 0, 59)),
        (BERLIN, datetime(2026, 3, 29, 2, 0), datetime(2026, 3, 29, 1, 0)),
        (BERLIN, datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 1, 0)),
        (BERLIN, datetime(2026, 3, 29, 3, 0), datetime(2026, 3, 29, 1, 0)),
        (BERLIN, datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 0, 30)),
        (BERLIN, datetime(2026, 10, 25, 3, 0), datetime(2026, 10, 25, 2, 0)),
        (NEW_YORK, datetime(2026, 3, 8, 2, 30), datetime(2026, 3, 8, 7, 0)),
        (NEW_YORK, datetime(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 5, 30)),
        (ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 12, 0), datetime(2011, 12, 30, 10, 0)),
    ],
)
def test_a_wall_time_occurs_at_the_next_that_exists_and_once(zone, wall, moment):
    assert resolve(wall, zone) == moment.replace(tzinfo=UTC)


def test_whole_days_keep_the_wall_time_across_both_changes():
    spring = Series(datetime(2026, 3, 28, 9, 0, tzinfo=BERLIN), BERLIN, every_hours=24)
    assert walls(spring, 3) == ["03-28 09:00", "03-29 09:00", "03-30 09:00"]
    autumn = Series(datetime(2026, 10, 31, 9, 0, tzinfo=NEW_YORK), NEW_YORK, every_hours=24)
    assert walls(autumn, 3) == ["10-31 09:00", "11-01 09:00", "11-02 09:00"]
    lengths = [after - before for before, after in pairwise(runs_in_utc(autumn, 3))]
    assert lengths == [timedelta(hours=25), timedelta(hours=24)]


def runs_in_utc(series, number):
    return list(islice(runs(series, no_rule), number))


def test_a_skipped_time_runs_at_the_change_and_returns_to_its_hour_the_day_after():
    series = Series(datetime(2026, 3, 28, 2, 30, tzinfo=BERLIN), BERLIN, every_hours=24)
    assert walls(series, 3) == ["03-28 02:30", "03-29 03:00", "03-30 02:30"]
    series = Series(datetime(2026, 3, 7, 2, 30, tzinfo=NEW_YORK), NEW_YORK, every_hours=24)
    assert walls(series, 3) == ["03-07 02:30", "03-08 03:00", "03-09 02:30"]


def test_a_time_that_comes_twice_runs_once():
    series = Series(datetime(2026, 10, 24, 2, 30, tzinfo=BERLIN), BERLIN, every_hours=24)
    assert walls(series, 3) == ["10-24 02:30", "10-25 02:30", "10-26 02:30"]
    assert runs_in_utc(series, 2)[1] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_start_at_the_second_of_two_equal_times_is_not_moved_to_the_first():
    start = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)
    series = Series(start, BERLIN, every_hours=24)
    assert runs_in_utc(series, 1) == [datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
    assert walls(series, 2)[1] == "10-26 02:30"


def test_other_intervals_are_elapsed_hours():
    series = Series(datetime(2026, 3, 29, 0, 0, tzinfo=BERLIN), BERLIN, every_hours=6)
    assert walls(series, 4) == ["03-29 00:00", "03-29 07:00", "03-29 13:00", "03-29 19:00"]


def test_a_day_that_a_zone_left_out_is_one_run_with_the_next():
    apia = ZoneInfo("Pacific/Apia")
    series = Series(datetime(2011, 12, 29, 0, 0, tzinfo=apia), apia, every_hours=24, count=3)
    assert walls(series, 9) == ["12-29 00:00", "12-31 00:00", "01-01 00:00"]


def test_a_series_without_a_rule_runs_once():
    start = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    series = Series(start, BERLIN)
    assert next_run(None, series, no_rule) == start
    assert next_run(start - timedelta(microseconds=1), series, no_rule) == start
    assert next_run(start, series, no_rule) is None


def test_until_includes_its_moment_and_count_is_of_all_runs():
    start = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    until = Series(start, BERLIN, every_hours=1, until=start + timedelta(hours=2))
    assert len(list(runs(until, no_rule))) == 3
    counted = Series(start, BERLIN, every_hours=1, count=2)
    assert list(runs(counted, no_rule)) == [start, start + timedelta(hours=1)]
    assert next_run(start + timedelta(hours=1), counted, no_rule) is None


def test_missed_runs_are_those_after_the_last_up_to_now():
    start = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    series = Series(start, BERLIN, every_hours=1)
    now = start + timedelta(hours=3)
    assert list(missed_runs(start, now, series, no_rule)) == [start + timedelta(hours=n) for n in (1, 2, 3)]
    assert len(list(missed_runs(None, now, series, no_rule))) == 4
    assert list(missed_runs(now, now, series, no_rule)) == []


def test_a_series_may_begin_years_ahead_and_ends_with_the_calendar():
    start = datetime(2126, 3, 1, 9, 0, tzinfo=UTC)
    assert next_run(datetime(2026, 1, 1, tzinfo=UTC), Series(start, BERLIN, every_hours=24), no_rule) == start
    last = Series(datetime(9999, 12, 1, tzinfo=UTC), ZoneInfo("UTC"), every_hours=25)
    assert next_run(datetime(9999, 12, 31, 23, tzinfo=UTC), last, no_rule) is None


@given(
    start=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    every=st.one_of(st.integers(1, 50), st.integers(1, 40).map(lambda days: days * 24)),
    count=st.integers(1, 40),
)
def test_runs_strictly_increase_from_the_start_and_can_be_walked_one_by_one(start, zone, every, count):
    begin = start.replace(tzinfo=UTC)
    series = Series(begin, zone, every_hours=every, count=count)
    found = list(runs(series, no_rule))
    assert len(found) == count
    assert found[0] == begin
    assert all(before < after for before, after in pairwise(found))
    walked, moment = [], next_run(None, series, no_rule)
    while moment is not None:
        walked.append(moment)
        moment = next_run(moment, series, no_rule)
    assert walked == found


@given(
    wall=st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1)), zone=st.sampled_from(ZONES).map(ZoneInfo)
)
def test_a_wall_time_resolves_to_itself_or_to_the_first_after_a_gap(wall, zone):
    moment = resolve(wall, zone)
    local = moment.astimezone(zone)
    if local.replace(tzinfo=None) == wall:
        assert local.fold == 0
    else:
        assert local.replace(tzinfo=None) > wall
        just_before = (moment - timedelta(microseconds=1)).astimezone(zone).replace(tzinfo=None)
        assert just_before < wall
