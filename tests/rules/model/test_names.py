from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.model.addresses import Flaw
from warmpost.rules.model.names import has_controls, is_pool_name, read_name


def test_names_lose_outer_white_space_and_are_composed() -> None:
    assert read_name("  Fru\u0308hling 2026 \n") == "Frühling 2026"


@pytest.mark.parametrize(
    "text", ["", "  ", "x" * 101, "a\nb", "a\x00", "a\x7fb", "a\u2028b", "42", " 7 ", "a\ud800"]
)
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    assert isinstance(read_name(text), Flaw)


@given(st.text(max_size=120))
def test_a_name_reads_the_same_again(text: str) -> None:
    name = read_name(text)
    if isinstance(name, str):
        assert read_name(name) == name
        assert 1 <= len(name) <= 100
        assert not has_controls(name)


@given(st.text(max_size=70))
def test_a_pools_name_is_fit_for_a_path(text: str) -> None:
    if is_pool_name(text):
        assert "/" not in text
        assert text not in (".", "..")
        assert not text.startswith("__")
