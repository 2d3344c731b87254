from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.adapters.message.encryption import DecryptionFailed, Encryption

KEY = bytes(range(32))


@given(st.binary(max_size=5000), st.text(max_size=50))
def test_what_is_sealed_opens_under_the_same_key_and_context(plain: bytes, context: str) -> None:
    sealed = Encryption(KEY).encrypt(plain, context)
    assert Encryption(KEY).decrypt(sealed, context) == plain
    assert sealed[0] == 1
    assert len(plain) < 8 or plain not in sealed


def test_sealing_twice_shows_nothing_in_common() -> None:
    encryption = Encryption(KEY)
    assert encryption.encrypt(b"the same", "x")[1:] != encryption.encrypt(b"the same", "x")[1:]


@given(st.integers(0, 40), st.integers(1, 255))
def test_one_changed_byte_breaks_the_seal(at: int, change: int) -> None:
    sealed = bytearray(Encryption(KEY).encrypt(b"0123456789ab", "dkim:x"))
    sealed[at % len(sealed)] ^= change
    with pytest.raises(DecryptionFailed):
        Encryption(KEY).decrypt(bytes(sealed), "dkim:x")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(60), b"\x01" + bytes(27)])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        Encryption(KEY).decrypt(sealed, "x")


def test_another_key_or_context_does_not_open() -> None:
    sealed = Encryption(KEY).encrypt(b"secret", "dkim:a.example")
    with pytest.raises(DecryptionFailed):
        Encryption(bytes(32)).decrypt(sealed, "dkim:a.example")
    with pytest.raises(DecryptionFailed):
        Encryption(KEY).decrypt(sealed, "dkim:b.example")


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Encryption(b"short")
