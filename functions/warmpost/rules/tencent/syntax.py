"""Templates of Tencent SES: `{{name}}` is replaced, and everything else is text, whatever another language reads into it.

Kept as they were written; this makes of them the source of a template of ours, in which names stand encoded: any name of
letters, digits, `_`, `-` and `.` in any script may be one there, `user-name`, `1` and `true` as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

Syntax = Literal["jinja", "tencent", "literal"]
"""literal: nothing in it is a variable, as in content that comes with a sending."""

PREFIX = "v_"
_VARIABLE = re.compile(r"\{\{ *([\w.-]+) *\}\}")
_OPENS = re.compile(r"\{(?=[{%#])")


def as_source(text: str, syntax: Syntax) -> str:
    if syntax == "jinja":
        return text
    if syntax == "literal":
        return _as_text(text)
    made, end = [], 0
    for match in _VARIABLE.finditer(text):
        made += [_as_text(text[end : match.start()]), "{{ ", encoded(match[1]), " }}"]
        end = match.end()
    return "".join([*made, _as_text(text[end:])])


def _as_text(text: str) -> str:
    """A brace that would begin something is printed by an expression; one at the end may stand before such an expression."""
    text = _OPENS.sub("{{ '{' }}", text)
    return text[:-1] + "{{ '{' }}" if text.endswith("{") else text


def encoded(name: str) -> str:
    """An identifier that is no word of the template language."""
    return PREFIX + name.encode().hex()


def decoded(name: str) -> str:
    return bytes.fromhex(name.removeprefix(PREFIX)).decode()


def encode_data(data: Mapping[str, object]) -> dict[str, object]:
    return {encoded(name): value for name, value in data.items()}


def decode_names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(decoded, names))
