"""Valid things, spoilt: what parsers meet when somebody means them ill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

BOTH = pytest.mark.parametrize("examples", [60, pytest.param(5_000, marks=pytest.mark.slow)])
"""A short form, the same each time, and a long one."""

NASTY = [
    b"\0",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"\x1a",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x92\xa9",
    b'"',
    b'""',
    b"'",
    b"<",
    b">",
    b"--",
    b"=?utf-8?B?",
    b"=?x?Q?=FF?=",
    b"=?iso-2022-jp?B?GyRC?=",
    b"((((((((((((((((",
    b";;;;;;;;;;;;",
    b",,,,,,,,",
    b"[" * 500,
    b'{"a":' * 200,
    b"%00%0a",
    b"{{",
    b"{%",
    b"..",
    b"/../",
    b"@@",
    b"1e999",
    b"-1",
    b"9" * 400,
    b"NaN",
    b"\\ud800",
    b" " * 300,
    b"\t",
    b"A" * 5000,
    b"\nContent-Type: multipart/mixed; boundary=x\n\n--x\n",
    b"\nContent-Transfer-Encoding: base64\n\n",
    b"charset=utf-7",
]


@st.composite
def spoilt(draw: st.DrawFn, corpus: Sequence[bytes], most: int = 6) -> bytes:
    """One of the corpus after a few changes: bytes cut out, doubled, overwritten, put in, lines swapped with another's."""
    raw = draw(st.sampled_from(corpus))
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(0, len(raw)))
        end = min(start + draw(st.integers(0, 200)), len(raw))
        change = draw(st.sampled_from(["cut", "double", "put", "overwrite", "torn", "lines", "cross"]))
        match change:
            case "cut":
                raw = raw[:start] + raw[end:]
            case "double":
                raw = raw[:end] + raw[start:end] * draw(st.integers(1, 30)) + raw[end:]
            case "put":
                raw = raw[:start] + draw(st.sampled_from(NASTY)) + raw[start:]
            case "overwrite":
                raw = raw[:start] + draw(st.binary(max_size=20)) + raw[end:]
            case "torn":
                raw = raw[:start]
            case "lines":
                lines = raw.splitlines(keepends=True)
                raw = b"".join(draw(st.permutations(lines))) if len(lines) < 100 else raw
            case "cross":
                other = draw(st.sampled_from(corpus))
                raw = raw[:start] + other[draw(st.integers(0, len(other))) :]
    return raw


numbers = (
    st.integers(-(10**30), 10**30) | st.floats() | st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**400])
)
texts = st.text(max_size=40) | st.sampled_from(["\ud800", "\0", "\n", "x" * 20_000, "a@b@c", "1e5", "é", "‮"])
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def bent(draw: st.DrawFn, records: Sequence[dict[str, Any]]) -> Any:
    """A record some of whose fields, at any depth, hold what nobody expects."""

    def bend(value: Any, depth: int) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(anything)
        if isinstance(value, dict) and depth:
            kept = {name: bend(each, depth - 1) for name, each in value.items() if draw(st.integers(0, 19))}
            return kept | (draw(st.dictionaries(texts, anything, max_size=2)) if draw(st.booleans()) else {})
        if isinstance(value, list) and depth:
            return [bend(each, depth - 1) for each in value]
        return value

    return bend(draw(st.sampled_from(records)), 4)


def fuzz(examples: int, strategy: st.SearchStrategy[Any], holds: Callable[[Any], object]) -> None:
    """Derandomised where it is short: the same cases for everybody."""

    @settings(max_examples=examples, deadline=None, derandomize=examples < 1_000, database=None)
    @given(strategy)
    def run(case: Any) -> None:
        holds(case)

    run()
