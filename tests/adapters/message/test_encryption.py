from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.adapters.message.encryption import BrokenSeal, Seal

KEY = bytes(range(32))


@given(st.binary(max_size=5000), st.text(max_size=50))
def test_what_is_sealed_opens_under_the_same_key_and_context(plain: bytes, context: str) -> None:
    sealed = Seal(KEY).close(plain, context)
    assert Seal(KEY).open(sealed, context) == plain
    assert sealed[0] == 1
    assert len(plain) < 8 or plain not in sealed


def test_sealing_twice_shows_nothing_in_common() -> None:
    seal = Seal(KEY)
    assert seal.close(b"the same", "x")[1:] != seal.close(b"the same", "x")[1:]


@given(st.integers(0, 40), st.integers(1, 255))
def test_one_changed_byte_breaks_the_seal(at: int, change: int) -> None:
    sealed = bytearray(Seal(KEY).close(b"0123456789ab", "dkim:x"))
    sealed[at % len(sealed)] ^= change
    with pytest.raises(BrokenSeal):
        Seal(KEY).open(bytes(sealed), "dkim:x")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(60), b"\x01" + bytes(27)])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(BrokenSeal):
        Seal(KEY).open(sealed, "x")


def test_another_key_or_context_does_not_open() -> None:
    sealed = Seal(KEY).close(b"secret", "dkim:a.example")
    with pytest.raises(BrokenSeal):
        Seal(bytes(32)).open(sealed, "dkim:a.example")
    with pytest.raises(BrokenSeal):
        Seal(KEY).open(sealed, "dkim:b.example")


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(b"short")
