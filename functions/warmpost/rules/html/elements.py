"""Which elements of an HTML text are open: end tags that are missing, misplaced or too many, as browsers take them.

In constant time for each tag on average: what is open is counted, within each table and cell apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

VOID = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"),
        *("track", "wbr"),
    }
)

_CELLS = frozenset({"td", "th", "caption"})
_ROWS = frozenset({"tr", "tbody", "thead", "tfoot"})
_ENDS_PARAGRAPH = frozenset(
    {
        *("address", "article", "aside", "blockquote", "center", "div", "dl", "fieldset", "figure", "footer"),
        *("form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "ul"),
    }
)


@dataclass(slots=True)
class _Scope:
    """What is open inside of one table, cell or the whole. opener: its place among the open elements."""

    opener: int
    names: Counter[str] = field(default_factory=Counter)


class OpenElements:
    """closed: called with the name and depth of each element that ends, the innermost first."""

    def __init__(self, closed: Callable[[str, int], None]) -> None:
        self._closed = closed
        self._open: list[str] = []
        self._scopes = [_Scope(-1)]

    def begin(self, name: str) -> int:
        """The depth of the element that now is open."""
        depth = len(self._open)
        self._open.append(name)
        self._scopes[-1].names[name] += 1
        if name == "table" or name in _CELLS:
            self._scopes.append(_Scope(depth))
        return depth

    def end_implied(self, name: str, linked: bool) -> None:
        """Close what a start tag of this name closes. linked: a paragraph inside of a link goes on."""
        if name in _CELLS or name in _ROWS:
            if self._opener() in _CELLS:
                self._close_scope()
            if name in _ROWS:
                self._close_counted("tr")
        elif name == "li":
            names = self._scopes[-1].names
            if names["li"] > names["ul"] + names["ol"] - 1 and names["li"]:
                self._close_counted("li")
        elif name in _ENDS_PARAGRAPH and not linked:
            self._close_counted("p")

    def end(self, name: str) -> None:
        """An end tag."""
        if (name in _ROWS or name == "table") and self._opener() in _CELLS:
            self._close_scope()
        if self._opener() == name:
            self._close_scope()
        else:
            self._close_counted(name)

    def end_all(self) -> None:
        while self._open:
            self._pop()

    def _opener(self) -> str:
        opener = self._scopes[-1].opener
        return self._open[opener] if opener >= 0 else ""

    def _close_scope(self) -> None:
        opener = self._scopes[-1].opener
        while len(self._open) > opener:
            self._pop()

    def _close_counted(self, name: str) -> None:
        if self._scopes[-1].names[name]:
            while self._pop() != name:
                pass

    def _pop(self) -> str:
        name = self._open.pop()
        if self._scopes[-1].opener == len(self._open):
            self._scopes.pop()
        self._scopes[-1].names[name] -= 1
        self._closed(name, len(self._open))
        return name
