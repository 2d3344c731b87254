import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.message.content_types import content_type_of, is_invitation, read_content_type
from warmpost.rules.message.message import Attachment


@pytest.mark.parametrize(
    ("filename", "given", "expected"),
    [
        ("a.pdf", "", "application/pdf"),
        ("a.unknown", "", "application/octet-stream"),
        ("a.pdf", "image/png", "image/png"),
        ("a.eml", "", "application/octet-stream"),
        ("a.bin", "multipart/mixed", "application/octet-stream"),
    ],
)
def test_a_content_type_is_guessed_and_never_one_that_base64_would_break(filename, given, expected):
    assert content_type_of(Attachment(filename, b"", given)) == expected


def type_of(filename: str, content: bytes, given: str = "") -> str:
    return content_type_of(Attachment(filename, content, given)).replace("\r\n", "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("text/calendar; charset=utf-8; method=REQUEST", "text/calendar; charset=utf-8; method=REQUEST"),
        ('Text/CSV;Charset="windows-1252"', 'text/csv; charset="windows-1252"'),
        ('application/pdf; name="other.pdf"', "application/pdf"),
        ("text/plain;", "text/plain; charset=utf-8"),
        ('application/x-a; note="a; \\"b\\""', 'application/x-a; note="a; \\"b\\""'),
    ],
)
def test_the_parameters_of_a_content_type_are_kept(given, expected):
    assert type_of("a.x", b"x", given) == expected


@pytest.mark.parametrize(
    ("filename", "content", "expected"),
    [
        ("a.txt", "größe".encode(), "text/plain; charset=utf-8"),
        ("a.csv", b"a,b", "text/csv; charset=utf-8"),
        ("a.txt", "größe".encode("utf-16"), "text/plain; charset=utf-16"),
        ("a.txt", b"gr\xf6\xdfe", "text/plain"),
        ("a.pdf", b"%PDF", "application/pdf"),
    ],
)
def test_a_text_file_says_its_charset_where_it_can_be_told(filename, content, expected):
    assert type_of(filename, content) == expected


@pytest.mark.parametrize(
    "bad", ["", "text", "text/", "text/plain charset=x", "text/plain; a", "a/b; c=1; C=2", "a/b\r\nX: y"]
)
def test_what_is_no_content_type_is_told(bad):
    assert read_content_type(bad) is None


@given(st.text('a/;= "\\\r\nb', max_size=60) | st.text(max_size=60))
def test_no_content_type_brings_another_header(text):
    assert "\n" not in type_of("a", b"", text).replace(";\n ", "")


@pytest.mark.parametrize(
    ("content_type", "content", "expected"),
    [
        ("text/calendar; method=REQUEST", b"", True),
        ('text/calendar; charset=utf-8; method="publish"', b"", True),
        ("", b"BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\n", True),
        ("", b"BEGIN:VCALENDAR\nmethod:reply\n", True),
        ("text/calendar", b"BEGIN:VCALENDAR\r\nMETHOD:PUBLISH\r\n", False),
        ("text/calendar", b"BEGIN:VCALENDAR\r\n", False),
        ("text/plain; method=REQUEST", b"METHOD:REQUEST\r\n", False),
    ],
)
def test_a_calendar_that_asks_something_is_an_invitation(content_type, content, expected):
    assert is_invitation(Attachment("invite.ics", content, content_type)) is expected


def test_the_method_that_a_calendar_names_stands_in_its_content_type():
    content = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"
    assert type_of("a.ics", content) == "text/calendar; charset=utf-8; method=REQUEST"
