import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.rules.model.derived_ids import batch_message_id, send_message_id, short_hash
from warmpost.rules.model.events import Target
from warmpost.rules.reports.verp import (
    NO_POSITION,
    find_return_path,
    read_message_id,
    read_return_path,
    return_path,
)

KEY = b"k" * 32
batches = st.builds(
    Target, batch=st.integers(1, 10**12).map(str), message=st.just(""), position=st.integers(0, 10**7)
)
messages = st.builds(
    Target,
    batch=st.just(""),
    message=st.integers().map(lambda n: short_hash(n, length=24)),
    position=st.integers(0, 999),
)
targets = batches | messages


@settings(deadline=None)
@given(targets)
def test_a_return_path_names_its_message(target):
    address = return_path(target, "mail.example.com", KEY)
    local, _, domain = address.rpartition("@")
    assert domain == "mail.example.com"
    assert len(local) <= 64 and re.fullmatch(r"[a-z0-9=+.-]+", local)
    assert read_return_path(address, KEY) == target


@settings(deadline=None)
@given(targets)
def test_upper_case_wrappings_and_a_missing_domain_do_no_harm(target):
    address = return_path(target, "example.com", KEY)
    local = address.rpartition("@")[0]
    for form in (
        address.upper(),
        f"<{address}>",
        local,
        f"prvs=1234abcdef={address}",
        f"SRS0=Hx1y=6A=example.com={local}@forwarder.example",
        local.replace("+", "-") + "@example.com",
        f"rfc822;{address}",
    ):
        assert read_return_path(form, KEY) == target


@settings(deadline=None)
@given(targets, st.data())
def test_a_changed_return_path_names_nobody(target, data):
    address = return_path(target, "example.com", KEY)
    local = address.rpartition("@")[0]
    place = data.draw(st.integers(len("bounces+"), len(local) - 1))
    other = data.draw(
        st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789.=").filter(lambda c: c != local[place])
    )
    assert read_return_path(local[:place] + other + local[place + 1 :] + "@example.com", KEY) is None


@settings(deadline=None)
@given(targets)
def test_another_key_names_nobody(target):
    assert read_return_path(return_path(target, "example.com", KEY), b"other") is None


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_asked(text):
    assert read_return_path(text, KEY) is None
    assert read_message_id(text) is None


def test_it_is_found_in_a_long_text_behind_false_ones():
    target = Target(batch="12", position=3)
    false = " ".join(return_path(Target(batch="12", position=n), "example.com", b"other") for n in range(20))
    text = "x" * 100_000 + false + f"\nReturn-Path: <{return_path(target, 'example.com', KEY)}>"
    assert find_return_path(["nothing", text], KEY) == target


@pytest.mark.parametrize(
    "target",
    [
        Target(),
        Target(address="a@example.org"),
        Target(batch="Upper"),
        Target(message="x" * 25),
        Target(batch="1", position=-1),
    ],
)
def test_what_cannot_be_named_is_refused(target):
    with pytest.raises(ValueError, match="cannot be named"):
        return_path(target, "example.com", KEY)


@settings(deadline=None)
@given(st.integers(1, 10**9).map(str), st.integers(0, 10**6))
def test_a_message_id_of_a_batch_names_batch_and_position(batch, position):
    made = batch_message_id("project", batch, position, "mail.example.com")
    assert (
        read_message_id(made)
        == read_message_id(f" <{made.upper()}> ")
        == Target(batch=batch, position=position)
    )


def test_a_message_id_of_a_single_send_leaves_the_recipient_open():
    message = short_hash("x", length=24)
    made = send_message_id("project", message, "mail.example.com")
    assert read_message_id(f"<{made}>") == Target(message=message, position=NO_POSITION)


@pytest.mark.parametrize(
    "foreign", ["<CAF=x@mail.gmail.com>", "<1.2.3@x>", "<>", "a.b@", "abcdefghijklmnop.x.1@d"]
)
def test_message_ids_of_others_name_nobody(foreign):
    assert read_message_id(foreign) is None
