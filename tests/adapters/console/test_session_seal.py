"""Cookies that only this deployment can make."""

from __future__ import annotations

import pytest

from warmpost.adapters.console.session_seal import SessionSeal
from warmpost.adapters.message.encryption import Encryption


def seal(key: int = 0) -> SessionSeal:
    return SessionSeal(Encryption(bytes([key]) * 32))


def test_what_was_sealed_opens_here_and_nowhere_else():
    sealed = seal().seal(b"somebody")
    assert seal().open(sealed) == b"somebody"
    assert seal(1).open(sealed) is None


def test_what_was_sealed_for_another_purpose_does_not_open():
    import base64

    other = base64.urlsafe_b64encode(Encryption(bytes(32)).encrypt(b"somebody", "dkim")).decode()
    assert seal().open(other) is None


@pytest.mark.parametrize("wrong", ["", "x", "é", "AAAA", "A" * 200, "====", "\x00"])
def test_anything_else_is_nothing(wrong):
    assert seal().open(wrong) is None
