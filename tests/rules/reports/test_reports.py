import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.rules.model.events import Target
from warmpost.rules.reports.reports import (
    MOST_TEXT,
    Naming,
    event_id,
    read_recipient,
    read_reply,
    read_time,
    shorten,
    words_of,
)

NOW = 1793800000.0
BATCH = Target(batch="42", position=7)


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("rfc822; anna@example.org", "anna@example.org"),
        ("RFC822;<anna@Example.ORG>", "anna@example.org"),
        ("rfc822;anna+2Bnews@example.org", "anna+news@example.org"),
        ("utf-8; \\x{fc}lla@example.org", "ülla@example.org"),
        ("utf-8; \\x{110000}@example.org", ""),
        ("anna+news@example.org", "anna+news@example.org"),
        ("rfc822; undisclosed", ""),
        ("", ""),
    ],
)
def test_a_recipient_field_holds_an_address(field, address):
    assert read_recipient(field) == address


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        ("550 5.1.1 no such user", 550, "5.1.1"),
        ("550-5.1.1 no such\n550 5.1.1 user", 550, "5.1.1"),
        ("host mx[192.0.2.1] said: 452 (#4.2.2) full", 452, "4.2.2"),
        ("sorry, no mailbox (#5.1.1)", 0, "5.1.1"),
        ("550 no", 550, ""),
        ("250 ok, then 192.0.2.5 came", 0, ""),
        ("at 5.1.1.9 and 1.5.1.1", 0, ""),
        ("", 0, ""),
    ],
)
def test_codes_are_found_in_what_a_server_says(said, code, status):
    assert read_reply(said) == (code, status)


def test_codes_before_lines_are_not_words():
    assert (
        words_of("550-5.1.1 The account\n550-5.1.1 does not\n550 5.1.1  exist", 550)
        == "The account does not exist"
    )
    assert words_of("550 users are 550 too many", 550) == "users are 550 too many"


@settings(deadline=None)
@given(st.text(), st.integers(0, 999))
def test_any_words_are_one_readable_line(said, code):
    for line in (words_of(said, code), shorten(said)):
        assert len(line) <= MOST_TEXT and line.isprintable()
    read_reply(said)
    read_recipient(said)
    assert 0 < read_time(said, NOW) <= NOW


def test_a_signature_needs_no_address_and_everything_else_does():
    other = Target(batch="1", position=1)
    assert Naming(signed=BATCH, unsigned=other).target("a@example.org") == BATCH
    assert Naming(unsigned=BATCH).target("a@example.org") == Target("42", "", 7, "a@example.org")
    assert Naming(unsigned=BATCH).target("") is None
    assert Naming().target("a@example.org") == Target(address="a@example.org")


def test_an_id_repeats_and_tells_apart_what_is_different():
    same = event_id("dsn", BATCH, "bounced", "5.1.1")
    assert same == event_id("dsn", Target(batch="42", position=7), "bounced", "5.1.1")
    others = {
        event_id("arf", BATCH, "bounced", "5.1.1"),
        event_id("dsn", Target(batch="42", position=8), "bounced", "5.1.1"),
        event_id("dsn", BATCH, "deferred", "5.1.1"),
        event_id("dsn", BATCH, "bounced", "5.2.2"),
    }
    assert len(others) == 4 and same not in others
