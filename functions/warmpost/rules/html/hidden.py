"""What HTML hides from those who read it: preview text, its fillers, and what is meant for another screen.

Builders hide by a style of the element or by a rule for its class; what a media query changes is left out of account.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from warmpost.rules.html.tags import EXPRESSION, Attribute, Tag, attribute_value

_LONGEST_NAME = 40
_MAY_HIDE = re.compile(r"none|hid|collapse|opacity|\ue000", re.IGNORECASE).search
_DECISIVE = frozenset({"display", "visibility", "overflow", "max-height", "height", "opacity", "mso-hide"})
_NEEDED = frozenset({"alt", "aria-label", "title", "hidden", "href", "reversed", "src", "start", "value"})
_ZERO = re.compile(r"0(?:\.0+)?(?:px|em|rem|pt|%)?").fullmatch
_SIMPLE = re.compile(r"[a-z0-9]*[.#][\w-]+", re.IGNORECASE).fullmatch
_BRACE = re.compile(r"[{}]")
_MARK = re.compile("\ue000([0-9]+)")
STATEMENT_MARK = re.compile("\ue000[0-9]*[13579]\ue001")


class DependsOnValues(Exception):
    """A template's values decide what is shown: only its rendered HTML can be converted."""


def hides(style: str, marked: bool = False) -> bool | None:
    """Whether declarations hide an element; None where they say nothing of it. Raises DependsOnValues if marked."""
    if not _MAY_HIDE(style):
        return False if "display" in style else None
    told: dict[str, str] = {}
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        name = STATEMENT_MARK.sub("", name) if marked else name
        name = name.strip().lower()
        if marked and (EXPRESSION in name or (name in _DECISIVE and EXPRESSION in declaration)):
            raise DependsOnValues
        told[name] = value.lower().replace("!important", "").strip()
    if told.get("display") == "none" or told.get("visibility") in ("hidden", "collapse"):
        return True
    flat = _ZERO(told.get("max-height", "")) or _ZERO(told.get("height", ""))
    if told.get("mso-hide") == "all" and told.get("font-size") in ("0", "0px", "1px"):
        return True
    if _ZERO(told.get("opacity", "")) or (flat and told.get("overflow") == "hidden"):
        return True
    return False if "display" in told else None


def hidden_selectors(css: str, marked: bool = False) -> frozenset[str]:
    """Those of a style sheet that name one class or id and hide it, outside of `@` rules."""
    css = _without_comments(css)
    found: set[str] = set()
    at = 0
    while (opened := css.find("{", at)) >= 0:
        selectors = css[at:opened].rpartition(";")[2].strip(" \t\r\n\f}")
        if selectors.startswith("@"):
            at = _block_end(css, opened)
            continue
        at = css.find("}", opened) + 1
        if not at:
            break
        if hides(css[opened + 1 : at - 1], marked):
            found.update(one.strip().lower() for one in selectors.split(",") if _SIMPLE(one.strip()))
    return frozenset(found)


def is_hidden(
    source: str, name: str, attributes: Sequence[Attribute], selectors: Collection[str], marked: bool
) -> bool:
    """Raises DependsOnValues if marked."""
    values: dict[str, str] = {}
    for one in attributes:
        if one.name in ("style", "class", "id", "hidden"):
            values.setdefault(one.name, attribute_value(source, one))
    if "hidden" in values:
        return True
    by_style = hides(values["style"], marked) if "style" in values else None
    if by_style is not None or not selectors:
        return bool(by_style)
    names = values.get("class", "") + values.get("id", "")
    if marked and EXPRESSION in names:
        raise DependsOnValues
    known = [f".{one}" for one in values.get("class", "").lower().split()] + [
        f"#{values.get('id', '').lower()}"
    ]
    element = name[:_LONGEST_NAME]
    return any(one in selectors or f"{element}{one}" in selectors for one in known)


def check_clear(source: str, tag: Tag, selectors: Collection[str]) -> None:
    """Raises DependsOnValues where a template decides which element a tag is, or which attributes that matter it has."""
    marks = [int(number) for one in tag.attributes for number in _MARK.findall(one.name)]
    unclear = EXPRESSION in tag.name or any(number % 2 == 0 for number in marks)
    if marks and not unclear:
        decisive = _NEEDED | ({"class", "id"} if selectors else set())
        for one in tag.attributes:
            name = _MARK.sub("", one.name)
            hiding = name == "style" and hides(attribute_value(source, one)) is not None
            unclear = unclear or hiding or name in decisive
    if unclear:
        raise DependsOnValues


def _without_comments(css: str) -> str:
    kept: list[str] = []
    at = 0
    while (begin := css.find("/*", at)) >= 0:
        kept.append(css[at:begin])
        end = css.find("*/", begin + 2)
        if end < 0:
            return "".join(kept)
        at = end + 2
    return "".join([*kept, css[at:]])


def _block_end(css: str, opened: int) -> int:
    """Behind the brace that closes the one at a place."""
    depth = 0
    for found in _BRACE.finditer(css, opened):
        depth += 1 if found[0] == "{" else -1
        if not depth:
            return found.end()
    return len(css)
