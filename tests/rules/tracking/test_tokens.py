import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.model.events import Target
from warmpost.rules.tracking.tokens import (
    LONGEST_DESTINATION,
    Signer,
    Token,
    derive_key,
    name_of,
    pack_destination,
)
from warmpost.rules.tracking.tracking import unsubscribe_address

SIGNER = Signer(bytes(range(32)))
ALPHABET = string.ascii_letters + string.digits + "-_.~%=+/ "

message_ids = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=24, max_size=24).map(
    lambda text: text[:24]
)
targets = st.one_of(
    st.builds(Target, batch=st.integers(1, 10**12).map(str), position=st.integers(0, 10**9)),
    st.builds(Target, message=message_ids, position=st.integers(0, 49)),
)
moments = st.integers(0, 2**32 - 1)
destinations = st.text(st.characters(codec="utf-8"), max_size=100)


def click(target: Target, sent_at: float, link: int, destination: str) -> str:
    packed = pack_destination(destination)
    assert packed is not None
    return f"{SIGNER.write_click(name_of(target, sent_at), link, packed)}.{packed}"


@given(targets, moments, st.sampled_from(["open", "unsubscribe"]))
def test_a_token_says_again_what_was_written(target, sent_at, kind):
    token = SIGNER.write(kind, name_of(target, sent_at))
    assert SIGNER.read(kind, token) == Token(kind, target, sent_at)


@given(targets, moments, st.integers(0, 10_000), destinations)
def test_a_click_says_again_where_it_leads(target, sent_at, link, destination):
    token = click(target, sent_at, link, destination)
    assert SIGNER.read("click", token) == Token("click", target, sent_at, link, destination)


@given(targets)
def test_tokens_are_short_and_fit_into_urls_and_local_parts(target):
    token = SIGNER.write("unsubscribe", name_of(target, 1_790_000_000.9))
    assert re.fullmatch(r"[A-Za-z0-9_-]{26,44}", token)
    assert len(unsubscribe_address(token, "example.com").partition("@")[0]) <= 64


@pytest.mark.parametrize("target", [Target(batch="12", position=345), Target(message="a2" * 12, position=3)])
@pytest.mark.parametrize("kind", ["open", "click", "unsubscribe"])
def test_a_token_with_any_character_changed_is_none(target, kind):
    name = name_of(target, 1_790_000_000)
    token = (
        click(target, 1_790_000_000, 2, "https://a.example/ü")
        if kind == "click"
        else SIGNER.write(kind, name)
    )
    assert SIGNER.read(kind, token) is not None
    for at in range(len(token)):
        for other in ALPHABET:
            changed = token[:at] + other + token[at + 1 :]
            assert changed == token or SIGNER.read(kind, changed) is None
        assert SIGNER.read(kind, token[:at] + token[at + 1 :]) is None
        assert SIGNER.read(kind, token[:at]) is None
        assert SIGNER.read(kind, token[:at] + "A" + token[at:]) is None
    assert SIGNER.read(kind, token + "A") is None
    assert SIGNER.read(kind, token + "=") is None
    assert SIGNER.read(kind, token + "\n") is None
    assert SIGNER.read(kind, token + "ü") is None


@given(targets, st.text())
def test_no_text_makes_a_token_by_itself(target, text):
    for kind in ("open", "click", "unsubscribe"):
        assert SIGNER.read(kind, text) is None


@pytest.mark.parametrize("length", [1, 22, 23, 340, 360, 2000, 100_000])
@pytest.mark.parametrize("kind", ["open", "click", "unsubscribe"])
def test_a_text_of_any_length_is_none(kind, length):
    assert SIGNER.read(kind, "x" * length + (".x" if kind == "click" else "")) is None


def test_a_token_is_good_for_its_own_kind_and_key_only():
    name = name_of(Target(batch="1"), 1)
    opened = SIGNER.write("open", name)
    assert SIGNER.read("unsubscribe", opened) is None
    assert SIGNER.read("click", opened + ".") is None
    assert Signer(bytes(32)).read("open", opened) is None
    assert SIGNER.read("open", click(Target(batch="1"), 1, 0, "")[:-1]) is None


def test_a_link_of_one_message_does_not_lead_where_that_of_another_does():
    one = click(Target(batch="1", position=1), 1, 0, "https://a.example/1")
    other = click(Target(batch="1", position=2), 1, 0, "https://a.example/2")
    head, destination = one.split(".")[0], other.split(".")[1]
    assert SIGNER.read("click", f"{head}.{destination}") is None


def test_a_destination_longer_than_urls_may_be_is_none():
    assert pack_destination("x" * LONGEST_DESTINATION) is not None
    assert pack_destination("ü" * (LONGEST_DESTINATION // 2 + 1)) is None


def test_keys_differ_by_purpose():
    assert derive_key(bytes(32), "reader links") != derive_key(bytes(32), "return paths") != bytes(32)
