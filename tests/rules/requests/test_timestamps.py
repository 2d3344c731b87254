from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from warmpost.errors import Invalid
from warmpost.rules.requests.timestamps import read_moment, read_zone

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2027-03-29T09:00:00+02:00", None, "2027-03-29T07:00:00"),
        ("2027-03-29t09:00:00z", None, "2027-03-29T09:00:00"),
        ("2027-03-29 09:00:00-05:30", BERLIN, "2027-03-29T14:30:00"),
        ("2027-03-29T09:00:00", BERLIN, "2027-03-29T07:00:00"),
        ("2027-03-29T09:00", BERLIN, "2027-03-29T07:00:00"),
        ("2027-03-28T02:30:00", BERLIN, "2027-03-28T01:00:00"),
        ("2027-10-31T02:30:00", BERLIN, "2027-10-31T00:30:00"),
        ("2027-03-29T09:00:00.001Z", None, "2027-03-29T09:00:01"),
        ("2027-03-29T09:00:00.000Z", None, "2027-03-29T09:00:00"),
        ("2126-01-01T00:00:00Z", None, "2126-01-01T00:00:00"),
    ],
)
def test_times_are_read_as_rfc_3339_or_as_wall_time_of_the_zone(text, zone, moment):
    assert read_moment(text, zone, "start_at") == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2027-03-29",
        "2027-13-01T00:00:00Z",
        "2027-03-29T24:61:00Z",
        "2027-03-29T09:00:00+99:00",
        "2027-W13-1T09:00:00Z",
        "٢٠٢٧-03-29T09:00:00Z",
        "9999-12-31T23:59:59.9-12:00",
        "0001-01-01T00:00:00+12:00",
        "1774774800",
    ],
)
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(Invalid, match="looks like 2026-03-29T09:00:00") as refused:
        read_moment(text, BERLIN, "start_at")
    assert (refused.value.code, refused.value.field) == ("invalid_start_at", "start_at")


def test_wall_time_without_a_zone_is_refused():
    with pytest.raises(Invalid, match="needs `timezone`") as refused:
        read_moment("2027-03-29T09:00:00", None, "until")
    assert refused.value.field == "until"


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "x" * 5000, "a\0b", "Europe"]
)
def test_what_is_no_time_zone_is_refused(name):
    with pytest.raises(Invalid) as refused:
        read_zone(name)
    assert (refused.value.code, refused.value.field) == ("invalid_timezone", "timezone")
