"""What a recipient's address makes the inbox answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.inbox.scripted import AtData, at_data, at_rcpt


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        ("reply-550-x@example.com", "550 5.1.1 <reply-550-x@example.com>: "),
        ("REPLY-451-x@example.com", "451 4.7.1 "),
        ("reply-552-full@example.com", "552 5.2.2 "),
        ("reply-554-block@example.com", "554 5.7.1 "),
        ("reply-421-bye@example.com", "421 4.3.2 "),
        ("reply-498-rare@example.com", "498 4.0.0 "),
        ("reply-599@example.com", "599 5.0.0 "),
    ],
)
def test_rcpt_is_answered_with_the_code_asked_for(address, begins):
    refusal = at_rcpt(address, refused_before=False)
    assert refusal is not None
    assert refusal.line.startswith(begins)
    assert refusal.closes == begins.startswith("421")


@pytest.mark.parametrize(
    "address",
    ["reply-250-x@a.example", "reply-55-x@a.example", "my-reply-550-x@a.example", "slowly@a.example"],
)
def test_what_asks_for_no_refusal_is_accepted(address):
    assert at_rcpt(address, refused_before=False) is None
    assert at_data([address]) == AtData()


def test_greylisting_ends_after_the_first_refusal():
    refusal = at_rcpt("greylist-ann@example.com", refused_before=False)
    assert refusal is not None and refusal.line.startswith("451 4.7.1")
    assert at_rcpt("greylist-ann@example.com", refused_before=True) is None


@pytest.mark.parametrize(
    ("address", "delay"),
    [
        ("slow-3-x@a.example", 3.0),
        ("slow-0.25-x@a.example", 0.25),
        ("slow-ann@a.example", 2.0),
        ("slow-9999-x@a.example", 600.0),
    ],
)
def test_slow_addresses_say_how_slow(address, delay):
    assert at_data([address]).delay == delay


def test_the_first_recipient_who_scripts_the_end_of_data_decides():
    assert (
        at_data(["ann@example.com", "drop-after-data-1@example.com", "data-554-2@example.com"]).drop
        == "after"
    )
    assert at_data(["drop-in-data-1@example.com"]).drop == "in"
    refusal = at_data(["data-552-big@example.com"]).refusal
    assert refusal is not None and refusal.line.startswith("552 5.3.4")


@given(st.text(), st.booleans())
def test_no_address_breaks_the_script(address, refused_before):
    at_rcpt(address, refused_before)
    at_data([address])
