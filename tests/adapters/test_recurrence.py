from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.adapters.recurrence import expand_rrule, missed_runs, next_run, parse_series
from warmpost.errors import Invalid
from warmpost.rules.schedules.recurrence import runs

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2026, 3, 2, 9, 0, tzinfo=BERLIN)  # a Monday


def walls(series, number):
    return [
        f"{moment.astimezone(series.timezone):%y-%m-%d %H:%M}"
        for moment in islice(runs(series, expand_rrule), number)
    ]


def rule(text, start=START, zone="Europe/Berlin", **more):
    return parse_series(start, zone, rrule=text, **more)


def test_a_weekly_rule_keeps_its_wall_time_across_both_changes_in_berlin():
    series = rule("FREQ=WEEKLY;BYDAY=SU", datetime(2026, 3, 22, 9, 0, tzinfo=BERLIN))
    assert walls(series, 3) == ["26-03-22 09:00", "26-03-29 09:00", "26-04-05 09:00"]
    series = rule("FREQ=WEEKLY;BYDAY=SU", datetime(2026, 10, 18, 9, 0, tzinfo=BERLIN))
    assert walls(series, 3) == ["26-10-18 09:00", "26-10-25 09:00", "26-11-01 09:00"]


def test_a_daily_rule_in_new_york_runs_skipped_times_late_and_double_times_once():
    spring = rule("FREQ=DAILY", datetime(2026, 3, 7, 2, 30, tzinfo=NEW_YORK), "America/New_York")
    assert walls(spring, 3) == ["26-03-07 02:30", "26-03-08 03:00", "26-03-09 02:30"]
    autumn = rule("FREQ=DAILY", datetime(2026, 10, 31, 1, 30, tzinfo=NEW_YORK), "America/New_York")
    assert walls(autumn, 3) == ["26-10-31 01:30", "26-11-01 01:30", "26-11-02 01:30"]
    lengths = [after - before for before, after in pairwise(islice(runs(autumn, expand_rrule), 3))]
    assert lengths == [timedelta(hours=24), timedelta(hours=25)]


def test_two_wall_times_on_one_moment_are_one_run():
    series = rule("FREQ=HOURLY;COUNT=4", datetime(2026, 3, 29, 1, 0, tzinfo=BERLIN))
    assert walls(series, 9) == ["26-03-29 01:00", "26-03-29 03:00", "26-03-29 04:00", "26-03-29 05:00"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("FREQ=MONTHLY;BYDAY=-1FR", ["26-03-27 09:00", "26-04-24 09:00"]),
        ("RRULE:freq=monthly;bymonthday=31;", ["26-03-31 09:00", "26-05-31 09:00"]),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;WKST=SU",
            ["26-03-03 09:00", "26-03-05 09:00", "26-03-17 09:00"],
        ),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["28-02-29 09:00", "32-02-29 09:00"]),
        ("FREQ=DAILY;BYHOUR=8,20;BYMINUTE=15", ["26-03-02 20:15", "26-03-03 08:15"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["26-03-31 09:00", "26-04-30 09:00"]),
        ("FREQ=DAILY;UNTIL=20260303", ["26-03-02 09:00", "26-03-03 09:00"]),
        ("FREQ=DAILY;UNTIL=20260303T080000Z", ["26-03-02 09:00", "26-03-03 09:00"]),
        ("FREQ=DAILY;UNTIL=20260303T085959", ["26-03-02 09:00"]),
        ("FREQ=DAILY;COUNT=1", ["26-03-02 09:00"]),
    ],
)
def test_rules_run_as_rfc_5545_says(text, first):
    assert walls(rule(text), len(first) + ("UNTIL" in text or "COUNT" in text)) == first


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "An empty part"),
        ("every day", "EVERY DAY: must be a part"),
        ("BYDAY=MO", "FREQ must be HOURLY"),
        ("FREQ=SECONDLY", "at least an hour apart"),
        ("FREQ=MINUTELY;INTERVAL=120", "at least an hour apart"),
        ("FREQ=DAILY;BYMINUTE=0,30", "BYMINUTE takes one value"),
        ("FREQ=DAILY;BYSECOND=0,1", "BYSECOND takes one value"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ is given twice"),
        ("DTSTART:20260101T090000 RRULE:FREQ=DAILY", "no DTSTART"),
        ("DTSTART=20260101T090000;FREQ=DAILY", "no DTSTART"),
        ("FREQ=DAILY\nRRULE:FREQ=SECONDLY", "FREQ must be"),
        ("FREQ=YEARLY;BYEASTER=0", "must be a part of RFC 5545"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be a whole number"),
        ("FREQ=DAILY;INTERVAL=1.5", "INTERVAL must be a whole number"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be a whole number"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20300101", "not by both"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL=TOMORROW: must be such as"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL=20260230: must be such as"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH=13: must be from 1 to 12."),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "from 1 to 31, or from -31 to -1"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24: must be from 0 to 23."),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "cannot be used with FREQ=WEEKLY"),
        ("FREQ=WEEKLY;BYDAY=1MO", "needs FREQ=MONTHLY or YEARLY"),
        ("FREQ=MONTHLY;BYDAY=54MO", "must be days such as"),
        ("FREQ=WEEKLY;BYDAY=XX", "must be days such as"),
        ("FREQ=WEEKLY;WKST=XX", "WKST must be a day"),
        ("FREQ=DAILY;BYSETPOS=2", "BYSETPOS picks from"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never comes up"),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "never comes up"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "never comes up"),
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29", "never comes up"),
        ("FREQ=DAILY;" + "BYHOUR=1," * 100, "at most 500 characters"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_with_what_would_be_right(text, told):
    with pytest.raises(Invalid) as refused:
        rule(text)
    assert (refused.value.code, refused.value.field) == ("invalid_rrule", "rrule")
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("field", "given_"),
    [
        ("timezone", {"timezone": "Mars/Base"}),
        ("timezone", {"timezone": "../../etc/passwd"}),
        ("timezone", {"timezone": "Europe"}),
        ("timezone", {"timezone": ""}),
        ("every", {"every": 0}),
        ("every", {"every": "30m"}),
        ("rrule", {"every": 24, "rrule": "FREQ=DAILY"}),
        ("rrule", {"rrule": "FREQ=DAILY;UNTIL=20300101", "until": START}),
        ("rrule", {"rrule": "FREQ=DAILY;COUNT=3", "count": 3}),
        ("count", {"every": 24, "count": 0}),
        ("count", {"every": 24, "count": 10**30}),
        ("until", {"every": 24, "until": START - timedelta(seconds=1)}),
        ("until", {"rrule": "FREQ=WEEKLY;BYDAY=TU", "until": START + timedelta(hours=1)}),
        ("start_at", {"start_at": datetime(2301, 1, 1, tzinfo=UTC)}),
    ],
)
def test_a_series_that_cannot_work_names_the_field(field, given_):
    with pytest.raises(Invalid) as refused:
        parse_series(**{"start_at": START, **given_})
    assert (refused.value.code, refused.value.field) == (f"invalid_{field}", field)


def test_without_a_rule_a_series_runs_once_and_without_a_zone_in_utc():
    series = parse_series(START)
    assert next_run(None, series) == START
    assert next_run(START, series) is None
    assert series.timezone == ZoneInfo("UTC")


def test_a_start_between_two_seconds_never_runs_early():
    start = datetime(2026, 3, 2, 9, 0, 0, 500_000, tzinfo=UTC)
    assert next_run(None, rule("FREQ=HOURLY", start)) == datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)


def test_a_stored_rule_can_be_parsed_again_with_the_end_it_gave_the_series():
    series = rule("FREQ=DAILY;COUNT=3;BYHOUR=7")
    assert (series.rrule, series.count) == ("FREQ=DAILY;BYHOUR=7", 3)
    again = rule(series.rrule, series.start_at, count=series.count, until=series.until)
    assert again == series


def test_missed_runs_of_a_rule():
    series = rule("FREQ=WEEKLY;BYDAY=MO,WE")
    now = START + timedelta(days=7)
    assert [f"{each:%m-%d}" for each in missed_runs(START, now, series)] == ["03-04", "03-09"]


RULES = st.builds(
    lambda freq, interval, days, hour: ";".join(
        [f"FREQ={freq}", f"INTERVAL={interval}", *([f"BYDAY={','.join(days)}"] if days else []), *hour]
    ),
    st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 30),
    st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), unique=True, max_size=3),
    st.sampled_from([[], ["BYHOUR=2"], ["BYHOUR=1,2,3"]]),
)


@settings(max_examples=60, deadline=None)
@given(
    text=RULES,
    start=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_runs_of_a_rule_strictly_increase_and_next_run_finds_each(text, start, zone):
    begin = start.replace(tzinfo=UTC)
    try:
        series = rule(text, begin, zone, count=12)
    except Invalid as refused:
        assert "never comes up" in refused.message or "cannot be read" in refused.message
        return
    found = list(runs(series, expand_rrule))
    assert all(before < after for before, after in pairwise(found))
    assert found[0] >= begin
    for before, after in pairwise([begin - timedelta(seconds=1), *found]):
        assert next_run(before, series) == after
