"""Style sheets inside of templates: `{#` begins a rule for an id there (`@media screen{#outlook a{…}}`), no comment."""

from __future__ import annotations

import re

_STYLE = re.compile(r"<style(?=[ \t\r\n/>])", re.IGNORECASE)
_STYLE_END = re.compile(r"</style", re.IGNORECASE)
_TOLD_ALREADY = re.compile(r"\{%[-+]?\s{0,9}raw\b|['\"]\{#['\"]").search
_WRITTEN_OUT = "{{ '{#' }}"


def keep_css(source: str) -> str:
    """The template with each `{#` of a style sheet written out, but for comments that end within the style sheet.

    As it is where it keeps such things from being read by itself, in `raw` blocks or as texts.
    """
    if _TOLD_ALREADY(source):
        return source
    kept: list[str] = []
    at = 0
    while found := _STYLE.search(source, at):
        end = _STYLE_END.search(source, found.end())
        until = end.start() if end else len(source)
        kept.append(source[at : found.end()])
        kept.append(_without_rules(source[found.end() : until]))
        at = until
    return "".join([*kept, source[at:]])


def _without_rules(css: str) -> str:
    first, *others = css.split("{#")
    written = [("{#" if "#}" in one else _WRITTEN_OUT) + one for one in others]
    return "".join([first, *written])
